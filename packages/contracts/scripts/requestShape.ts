/** A request that holds its answer to a schema, as a challenged provider opens it. Spec: receipt.md 4.3.1, 4.4. */
import { encodeAbiParameters, type Hex, keccak256, toHex } from 'viem'

/** `Shape` of solidity/dispute/Challenges.sol. */
export const requestShape = {
  salt: `0x${'5a'.repeat(32)}` as Hex,
  request: `0x${'11'.repeat(32)}` as Hex,
  choices: 1,
  grammarVersion: 1,
  schema: '{"type":"object"}',
  tools: '',
  toolChoice: '',
  callsMax: 0,
}

/** `inputHash` of a receipt about it. */
export function inputHashOf(shape: typeof requestShape): Hex {
  const tag = (name: string) => keccak256(toHex(`weightless/receipt/v1/${name}`))
  const types = 'bytes32 bytes32 uint32 uint16 string string string uint32'.split(' ').map((type) => ({ type }))
  const { salt, request, choices, grammarVersion, schema, tools, toolChoice, callsMax } = shape
  const fields = [tag('request-shaped'), request, choices, grammarVersion, schema, tools, toolChoice, callsMax]
  const shaped = keccak256(encodeAbiParameters(types, fields))
  const three = [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'bytes32' }]
  return keccak256(encodeAbiParameters(three, [tag('input'), salt, shaped]))
}
