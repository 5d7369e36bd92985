/** Names of the EVM's opcodes (Cancun), as traces show them. Spec: Yellow Paper appendix H, EIP-1153, 3855, 4844, 5656, 7516. */
export function opcodeName(opcode: number): string {
  if (opcode >= 0x5f && opcode <= 0x7f) return `PUSH${opcode - 0x5f}`
  if (opcode >= 0x80 && opcode <= 0x8f) return `DUP${opcode - 0x7f}`
  if (opcode >= 0x90 && opcode <= 0x9f) return `SWAP${opcode - 0x8f}`
  if (opcode >= 0xa0 && opcode <= 0xa4) return `LOG${opcode - 0xa0}`
  return names.get(opcode) ?? `opcode 0x${opcode.toString(16)} not defined`
}

/** Rows begin at the opcode given; names follow each other. */
const rows: readonly [number, string][] = [
  [0x00, 'STOP ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND'],
  [0x10, 'LT GT SLT SGT EQ ISZERO AND OR XOR NOT BYTE SHL SHR SAR'],
  [0x20, 'KECCAK256'],
  [0x30, 'ADDRESS BALANCE ORIGIN CALLER CALLVALUE CALLDATALOAD CALLDATASIZE CALLDATACOPY CODESIZE CODECOPY GASPRICE'],
  [0x3b, 'EXTCODESIZE EXTCODECOPY RETURNDATASIZE RETURNDATACOPY EXTCODEHASH'],
  [0x40, 'BLOCKHASH COINBASE TIMESTAMP NUMBER DIFFICULTY GASLIMIT CHAINID SELFBALANCE BASEFEE BLOBHASH BLOBBASEFEE'],
  [0x50, 'POP MLOAD MSTORE MSTORE8 SLOAD SSTORE JUMP JUMPI PC MSIZE GAS JUMPDEST TLOAD TSTORE MCOPY'],
  [0xf0, 'CREATE CALL CALLCODE RETURN DELEGATECALL CREATE2'],
  [0xfa, 'STATICCALL'],
  [0xfd, 'REVERT INVALID SELFDESTRUCT'],
]

const names = new Map(
  rows.flatMap(([first, row]) => row.split(' ').map((name, index) => [first + index, name] as const)),
)
