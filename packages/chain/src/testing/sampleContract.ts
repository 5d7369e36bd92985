/** The contract that the JSON-RPC tests deploy; its source lies beside the vector. */
import { readFileSync } from 'node:fs'
import type { Hex } from '@weightless/codec'
import { parseAbi } from 'viem'

export const sampleAbi = parseAbi([
  'constructor(uint256 first) payable',
  'event Stored(address indexed who, uint256 indexed key, uint256 value)',
  'error TooLarge(uint256 given, uint256 limit)',
  'function store(uint256 key, uint256 value) payable returns (uint256)',
  'function storeMany(uint256 count)',
  'function values(uint256 key) view returns (uint256)',
  'function counter() view returns (uint256)',
  'function refuse() pure',
  'function underflow(uint256 a) pure returns (uint256)',
  'function spin() pure',
  'function clock() view returns (uint256 number, uint256 time, uint256 chain)',
])

const vector = JSON.parse(readFileSync(new URL('../../../../vectors/chain/sample.json', import.meta.url), 'utf8')) as {
  bytecode: Hex
}
export const sampleBytecode: Hex = vector.bytecode
