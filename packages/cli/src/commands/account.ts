/** `weightless account …`: balances, paying into the ledger and taking out again. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Command } from 'commander'
import { isAddress, parseEther } from 'viem'
import { askBeforeSpending } from '../askBeforeSpending.ts'
import { withClient } from '../connect.ts'
import { formatTokens, printResult } from '../output.ts'

export function addAccountCommands(program: Command): void {
  const account = program.command('account').description('balances of the paying account')
  account
    .command('show [address]')
    .description('tokens on the chain, in the ledger, and set aside for providers')
    .action((address: string | undefined, _options: object, command: Command) =>
      withClient(command, async (client) => {
        const balance = await client.account.balance(address === undefined ? undefined : readAddress(address))
        const ledger = balance.ledger
          ? `${formatTokens(balance.ledger.availableWei)} available of ${formatTokens(balance.ledger.totalWei)}`
          : 'not opened yet'
        printResult(command, balance, [
          `account    ${balance.address}`,
          `on chain   ${formatTokens(balance.chainWei)}`,
          `ledger     ${ledger}`,
          ...balance.providers.map(({ provider, balanceWei }) => `provider   ${provider}  ${formatTokens(balanceWei)}`),
        ])
      }),
    )
  account
    .command('deposit <tokens>')
    .description('pay into the ledger')
    .option('--yes', 'do not ask before paying')
    .action((tokens: string, options: { yes?: boolean }, command: Command) =>
      withClient(command, async (client) => {
        const amountWei = readTokens(tokens)
        await askBeforeSpending(`Pay ${tokens} tokens into the ledger?`, options)
        const { transactionHash, blockNumber } = await client.account.deposit(amountWei)
        printResult(command, { transactionHash, blockNumber, amountWei }, [
          `paid ${tokens} tokens in block ${blockNumber}`,
        ])
      }),
    )
  account
    .command('withdraw <tokens>')
    .description('take what is available in the ledger back')
    .action((tokens: string, _options: object, command: Command) =>
      withClient(command, async (client) => {
        const { transactionHash, blockNumber } = await client.account.withdraw(readTokens(tokens))
        printResult(command, { transactionHash, blockNumber }, [`returned ${tokens} tokens in block ${blockNumber}`])
      }),
    )
}

function readAddress(text: string): Hex {
  if (!isAddress(text)) throw new AddressInvalidError({ text })
  return text
}

function readTokens(text: string): bigint {
  if (!/^\d{1,12}(\.\d{1,18})?$/.test(text)) throw new AmountInvalidError({ text })
  return parseEther(text)
}

export class AmountInvalidError extends WeightlessError {
  constructor(facts: { text: string }) {
    super('cli/amount-invalid', 'An amount is a decimal number of tokens, such as 1.5.', facts)
  }
}

export class AddressInvalidError extends WeightlessError {
  constructor(facts: { text: string }) {
    super(
      'cli/address-invalid',
      'An address is 0x and 40 hex digits, with a checksum where letters differ in case.',
      facts,
    )
  }
}
