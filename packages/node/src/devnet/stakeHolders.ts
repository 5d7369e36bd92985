/** The devnet's storage nodes put up a small stake, where they never had one: so a wrong fragment costs them something. Spec: spec/storage.md 15 */
import { addresses } from '@weightless/contracts'
import type { Ledger } from '@weightless/ledger'
import { parseEther } from 'viem'
import { nodeIdOf, readHolderStake, stakeHolder } from '../storageNode/holderStake.ts'
import { readNodeKey } from '../storageNode/nodeKey.ts'
import { holderKeyFile } from './startHolders.ts'

const amountWei = parseEther('1')

/** From the ledger's account, which owns it. What an operator took back stays back. */
export async function stakeHolders(ledger: Ledger, dataFolder: string, count: number): Promise<void> {
  const stakeOne = async (index: number): Promise<void> => {
    const secretKey = readNodeKey(holderKeyFile(dataFolder, index))
    const { owner } = await readHolderStake(ledger, addresses.holderStake, nodeIdOf(secretKey))
    if (owner === undefined) await stakeHolder(ledger, addresses.holderStake, { secretKey, amountWei })
  }
  await Promise.all(Array.from({ length: count }, (_, index) => stakeOne(index)))
}
