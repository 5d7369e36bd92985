/**
 * How the devnet mines: one node, with a small share of a thread, under an account of its own, and only while what it keeps
 * pays. So each file earns for an hour or two after it was stored, and then the chain is left in peace. Spec: mining §9.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Hex } from '@weightless/codec'
import { parseEther } from 'viem'
import type { MineOptions } from '../storageNode/mineBeside.ts'
import { devnetKey, minerAccountIndex } from './devnetKeys.ts'

/** Pays for its id and its answers until they pay for themselves. */
export const minerFundsWei = parseEther('1')

export type MiningPlan = MineOptions & {
  /** Which storage node, counted from 1. */
  node: number
  account: Hex
  share: number
  leastPayWei: bigint
}

export function planMining(): MiningPlan {
  const { address: account, privateKey } = devnetKey(minerAccountIndex)
  // The first node keeps data rows, however many there are.
  return { node: 1, account, privateKey, share: 0.05, leastPayWei: 10n ** 10n }
}

/** Keys go to other processes in files: words of a command are seen by everybody on the machine. */
export function writeMinerKey(dataFolder: string, { privateKey }: MiningPlan): string {
  const file = join(dataFolder, 'keys', 'miner.key')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, `${privateKey}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return file
}
