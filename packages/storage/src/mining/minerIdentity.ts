/**
 * The id under which a node seals and answers: asked for once on chain, then kept on disk, because all sealed data depends
 * on it. Spec: mining §1.
 */
import {
  bytesToHex,
  bytesToText,
  bytesToUint,
  type Hex,
  isHexOf,
  textToBytes,
  WeightlessError,
} from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { keccak256 } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'

export type MinerIdentity = {
  minerId: Hex
  /** Who is paid. */
  beneficiary: Hex
}

export type IdentityParts = {
  env: Pick<Env, 'disk' | 'random' | 'log'>
  ledger: Ledger
  mine: Hex
  /** Of a new id; the ledger's account by default. */
  beneficiary?: Hex
  /** Folder on the node's disk. */
  folder: string
}

const newMinerIdTopic = bytesToHex(keccak256(textToBytes('NewMinerId(bytes32,address)')))
const fileName = 'identity.json'

/**
 * The id kept in `folder` if the contract still knows it, else a new one. A chain begun anew knows none of its
 * predecessor's.
 * @throws {MinerIdMissingError} and the ledger's
 */
export async function openMinerIdentity(parts: IdentityParts): Promise<MinerIdentity> {
  const { env, ledger, mine, folder } = parts
  const kept = await readIdentity(env, folder, mine)
  if (kept) {
    const read = { address: mine, abi: abis.poraMine, functionName: 'beneficiaries', args: [kept] } as const
    const beneficiary = await ledger.read(read)
    if (BigInt(beneficiary) !== 0n) return { minerId: kept, beneficiary }
    env.log.warn('the chain does not know the miner id that is kept here; another is asked for', { minerId: kept })
  }
  const beneficiary = parts.beneficiary ?? ledger.address
  if (beneficiary === undefined) throw new MinerIdMissingError({ mine, reason: 'no account to be paid' })
  const minerId = await requestMinerId(parts, beneficiary)
  await writeIdentity(env, folder, { mine, minerId })
  env.log.info('miner id registered', { minerId, beneficiary })
  return { minerId, beneficiary }
}

async function requestMinerId({ env, ledger, mine }: IdentityParts, beneficiary: Hex): Promise<Hex> {
  const seed = bytesToUint(env.random.bytes(8))
  const intent = { address: mine, abi: abis.poraMine, functionName: 'requestMinerId' } as const
  const { logs } = await ledger.submit({ ...intent, args: [beneficiary, seed] })
  const event = logs.find(
    ({ address, topics }) => address.toLowerCase() === mine.toLowerCase() && topics[0] === newMinerIdTopic,
  )
  const minerId = event?.topics[1]
  if (minerId === undefined) throw new MinerIdMissingError({ mine, reason: 'the receipt names none' })
  return minerId
}

async function readIdentity({ disk }: Pick<Env, 'disk'>, folder: string, mine: Hex): Promise<Hex | undefined> {
  const path = `${folder}/${fileName}`
  if (!(await disk.exists(path))) return undefined
  const file = await disk.open(path, 'read')
  try {
    const text = bytesToText(await file.read(0, 4096))
    const { minerId, mine: known } = JSON.parse(text) as { minerId?: Hex; mine?: string }
    return isHexOf(minerId, 32) && known === mine.toLowerCase() ? minerId : undefined
  } catch {
    // A file that says nothing is as good as none: its id is lost, and with it the right to its seals.
    return undefined
  } finally {
    await file.close()
  }
}

async function writeIdentity(
  { disk }: Pick<Env, 'disk'>,
  folder: string,
  { mine, minerId }: { mine: Hex; minerId: Hex },
): Promise<void> {
  const path = `${folder}/${fileName}`
  await disk.remove(`${path}.new`)
  const file = await disk.open(`${path}.new`, 'create')
  await file.write(0, textToBytes(JSON.stringify({ mine: mine.toLowerCase(), minerId })))
  await file.sync()
  await file.close()
  await disk.rename(`${path}.new`, path)
  await disk.syncFolder(folder)
}

export class MinerIdMissingError extends WeightlessError {
  constructor(facts: { mine: Hex; reason: string }) {
    super('storage/miner-id-missing', 'No miner id could be had.', facts)
  }
}
