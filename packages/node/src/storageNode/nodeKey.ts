/** The Ed25519 secret that is a storage node's name: made once, readable by its user alone, with a checksum. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { writeWhole } from '../writeWhole.ts'

/** @throws {NodeKeyDamagedError} the file holds something else */
export function loadNodeKey(file: string): Uint8Array {
  if (existsSync(file)) return decodeNodeKey(file)
  const secret = randomBytes(32)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeWhole(file, `${secret.toString('hex')} ${checksum(secret)}\n`)
  return new Uint8Array(secret)
}

/** @throws {NodeKeyMissingError} {NodeKeyDamagedError} */
export function readNodeKey(file: string): Uint8Array {
  if (!existsSync(file)) throw new NodeKeyMissingError({ file })
  return decodeNodeKey(file)
}

function decodeNodeKey(file: string): Uint8Array {
  const [, digits, sum] = /^([0-9a-f]{64}) ([0-9a-f]{8})\n?$/.exec(readFileSync(file, 'utf8')) ?? []
  const secret = Buffer.from(digits ?? '', 'hex')
  if (sum !== checksum(secret)) throw new NodeKeyDamagedError({ file })
  return new Uint8Array(secret)
}

/** So that a flipped bit is a refused start, and not another node that nobody knows. */
function checksum(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 8)
}

export class NodeKeyDamagedError extends WeightlessError {
  constructor(facts: { file: string }) {
    super('node/node-key-damaged', 'The key file of a storage node is damaged.', facts, {
      hint: 'Restore it from a copy. Without it the node begins anew under another name; others rebuild what it held.',
    })
  }
}

export class NodeKeyMissingError extends WeightlessError {
  constructor(facts: { file: string }) {
    super('node/node-key-missing', 'There is no key of a storage node.', facts, {
      hint: 'Name the file with --key, or the node’s --data-dir; `weightless storage start` makes the key.',
    })
  }
}
