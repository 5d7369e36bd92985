/** `weightless storage stake`: what a storage node has at stake, put up and taken back by its operator. Spec: spec/storage.md 15 */
import { join, resolve } from 'node:path'
import { type Hex, WeightlessError } from '@weightless/codec'
import type { HolderStakeOf } from '@weightless/node/storageNode/holderStake'
import type { Client } from '@weightless/sdk'
import type { Command } from 'commander'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { withClient } from '../connect.ts'
import { formatTokens, globalOptions, printResult } from '../output.ts'
import { readTokens } from '../readNumber.ts'

type StakeFlags = { key?: string; yes?: boolean }
type Staking = typeof import('@weightless/node/storageNode/holderStake')
type Asked = { staking: Staking; ledger: Client['ledger']; contract: Hex; secretKey: Uint8Array; nodeId: Hex }

export function addStake(storage: Command): void {
  const stake = storage
    .command('stake')
    .description(
      'what a node loses a share of when it signs a fragment that is not of the file; put up by its operator',
    )
  const action = (words: string, what: string) =>
    stake
      .command(words)
      .description(what)
      .option('--key <file>', 'the node’s Ed25519 key; default: node.key in the data directory')
  action('show', 'what the node has at stake').action((flags: StakeFlags, command: Command) =>
    atStake(command, flags, async () => undefined),
  )
  action('add', 'put up tokens of the paying account, which owns them')
    .argument('<tokens>', 'how many', readTokens)
    .option('--yes', 'do not ask before paying')
    .action(async (amountWei: bigint, flags: StakeFlags, command: Command) => {
      await askBeforeSpending(`Put up ${formatTokens(amountWei)} tokens as the node’s stake?`, flags)
      await atStake(command, flags, ({ staking, ledger, contract, secretKey }) =>
        staking.stakeHolder(ledger, contract, { secretKey, amountWei }),
      )
    })
  action('return', 'take tokens back: they wait, and can be lost until then')
    .argument('<tokens>', 'how many', readTokens)
    .action((amountWei: bigint, flags: StakeFlags, command: Command) =>
      atStake(command, flags, ({ staking, ledger, contract, nodeId }) =>
        staking.unstakeHolder(ledger, contract, nodeId, amountWei),
      ),
    )
  action('withdraw', 'have what was taken back paid out after its wait').action((flags: StakeFlags, command: Command) =>
    atStake(command, flags, ({ staking, ledger, contract, nodeId }) =>
      staking.withdrawHolder(ledger, contract, nodeId),
    ),
  )
}

/** Does one thing about the stake, and prints what the stake is then. */
async function atStake(command: Command, { key }: StakeFlags, work: (asked: Asked) => Promise<void>): Promise<void> {
  const [staking, { readNodeKey }] = await Promise.all([
    import('@weightless/node/storageNode/holderStake'),
    import('@weightless/node/storageNode/nodeKey'),
  ])
  const secretKey = readNodeKey(resolve(key ?? join(globalOptions(command).dataDir, 'node.key')))
  const nodeId = staking.nodeIdOf(secretKey)
  await withClient(command, async ({ ledger, config }) => {
    const contract = config.contracts.holderStake
    if (!contract) throw new NoHolderStakeError()
    await work({ staking, ledger, contract, secretKey, nodeId })
    const stake = await staking.readHolderStake(ledger, contract, nodeId)
    printResult(command, stake, describe(stake))
  })
}

function describe({ nodeId, owner, stakedWei, unstakingWei, readyAtSeconds, slashableWei }: HolderStakeOf): string[] {
  const readyAt = new Date(readyAtSeconds * 1000).toISOString()
  return [
    `node       ${nodeId}`,
    `owner      ${owner ?? 'none named'}`,
    `staked     ${formatTokens(stakedWei)}`,
    ...(unstakingWei > 0n ? [`returning  ${formatTokens(unstakingWei)}, from ${readyAt} on`] : []),
    `at stake   ${formatTokens(slashableWei)}`,
  ]
}

class NoHolderStakeError extends WeightlessError {
  constructor() {
    super('cli/no-holder-stake', 'The network file names no contract for stakes of storage nodes.', {})
  }
}
