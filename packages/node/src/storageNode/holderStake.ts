/**
 * Stakes of storage nodes: put up by the account that a node names, and lost in part by a node that signed another fragment
 * than the file's. Spec: spec/storage.md 15
 */
import { bytesToHex, type Hex, hexToBytes, WeightlessError } from '@weightless/codec'
import type { SignedFragment } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { ed25519PublicKey, ed25519Sign } from '@weightless/crypto'
import type { Ledger } from '@weightless/ledger'
import { proveOtherSector } from '@weightless/storage/wire'
import { decodeEventLog, zeroAddress } from 'viem'

/** A storage node's name is its public key. */
export const nodeIdOf = (secretKey: Uint8Array): Hex => bytesToHex(ed25519PublicKey(secretKey))

const contractAt = (address: Hex) => ({ address, abi: abis.holderStake }) as const
const halvesOf = (signature: Hex): [r: Hex, s: Hex] => [signature.slice(0, 66) as Hex, `0x${signature.slice(66)}`]

export type HolderStakeOf = {
  nodeId: Hex
  /** Undefined where the node named none. */
  owner: Hex | undefined
  stakedWei: bigint
  /** Taken back, and waiting. */
  unstakingWei: bigint
  /** Unix seconds from which that can be withdrawn; 0 where nothing was ever taken back. */
  readyAtSeconds: number
  /** What a wrong fragment would cost a share of now. */
  slashableWei: bigint
}

export async function readHolderStake(ledger: Ledger, holderStake: Hex, nodeId: Hex): Promise<HolderStakeOf> {
  const at = contractAt(holderStake)
  const [stake, slashableWei] = await Promise.all([
    ledger.read({ ...at, functionName: 'stakes', args: [nodeId] }),
    ledger.read({ ...at, functionName: 'slashableOf', args: [nodeId] }),
  ])
  const [owner, , readyAt, stakedWei, unstakingWei] = stake
  const named = owner === zeroAddress ? undefined : owner
  return { nodeId, owner: named, stakedWei, unstakingWei, readyAtSeconds: Number(readyAt), slashableWei }
}

/**
 * Adds to a node's stake from the ledger's account, which the node names as the owner where nothing is staked.
 * @throws {HolderOwnedError} another account owns what is staked
 * @throws {TransactionRevertedError} {InsufficientFundsError}
 */
export async function stakeHolder(
  ledger: Ledger,
  holderStake: Hex,
  { secretKey, amountWei }: { secretKey: Uint8Array; amountWei: bigint },
): Promise<void> {
  const at = contractAt(holderStake)
  const nodeId = nodeIdOf(secretKey)
  const { owner, stakedWei, unstakingWei } = await readHolderStake(ledger, holderStake, nodeId)
  if (owner?.toLowerCase() !== ledger.address!.toLowerCase()) {
    if (owner && stakedWei + unstakingWei > 0n) throw new HolderOwnedError({ nodeId, owner })
    const message = await ledger.read({ ...at, functionName: 'ownerMessage', args: [nodeId, ledger.address!] })
    const signature = bytesToHex(ed25519Sign(hexToBytes(message), secretKey))
    await ledger.submit({ ...at, functionName: 'nameOwner', args: [nodeId, ...halvesOf(signature)] })
  }
  await ledger.submit({ ...at, functionName: 'addStake', args: [nodeId], value: amountWei })
}

/** Takes stake back, which then waits. @throws {TransactionRevertedError} NotOwner, StakeTooSmall */
export async function unstakeHolder(ledger: Ledger, holderStake: Hex, nodeId: Hex, amountWei: bigint): Promise<void> {
  await ledger.submit({ ...contractAt(holderStake), functionName: 'unstake', args: [nodeId, amountWei] })
}

/** Pays out what has waited. @throws {TransactionRevertedError} NotOwner, NothingToWithdraw, StillUnstaking */
export async function withdrawHolder(ledger: Ledger, holderStake: Hex, nodeId: Hex): Promise<void> {
  await ledger.submit({ ...contractAt(holderStake), functionName: 'withdrawStake', args: [nodeId] })
}

/**
 * @param file - all bytes of the file
 * @returns wei that the node lost; undefined where it has no stake, or where a contract cannot see what is wrong
 * @throws {TransactionRevertedError} such as FaultCounted
 */
export async function reportFragment(
  ledger: Ledger,
  holderStake: Hex,
  { nodeId, name, frame, signature }: SignedFragment,
  file: Uint8Array,
): Promise<bigint | undefined> {
  const at = contractAt(holderStake)
  const proof = proveOtherSector(name, file, frame)
  if (!proof || (await ledger.read({ ...at, functionName: 'slashableOf', args: [nodeId] })) === 0n) return undefined
  const shown = {
    ...proof.shown,
    ...{ sizeBytes: BigInt(proof.shown.sizeBytes), stripe: BigInt(proof.shown.stripe) },
  }
  const other = { ...proof.other, sector: BigInt(proof.other.sector) }
  const args = [nodeId, shown, ...halvesOf(signature), other] as const
  const { logs } = await ledger.submit({ ...at, functionName: 'reportFragment', args })
  for (const { address, data, topics } of logs) {
    if (address.toLowerCase() !== holderStake.toLowerCase()) continue
    const event = decodeEventLog({ abi: abis.holderStake, data, topics })
    if (event.eventName === 'Slashed') return event.args.toReporter + event.args.burned
  }
  return undefined
}

export class HolderOwnedError extends WeightlessError {
  constructor(facts: { nodeId: Hex; owner: Hex }) {
    super('node/holder-owned', 'Another account owns what this storage node has staked.', facts, {
      hint: 'Pay with that account: what is added would be its own.',
    })
  }
}
