/** A wallet announces itself by EIP-6963, connects, and signs a deposit; after a reload it is still connected. */
import assert from 'node:assert/strict'
import type { Hex } from 'viem'
import { injectWallet, type WalletLog } from '../injectWallet.ts'
import { openPage } from '../openBrowser.ts'
import { shoot } from '../shoot.ts'
import type { Stage } from '../stage.ts'

/** Account 3 of the usual test mnemonic, which is the user's alone. */
const privateKey: Hex = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'

export async function depositWithWallet(stage: Stage): Promise<void> {
  const { chain } = (await (await fetch(`${stage.url}/config.json`)).json()) as { chain: { rpcUrl: string } }
  let log: WalletLog = { methods: [] }
  const page = await openPage(
    stage,
    {},
    {
      prepare: async (context) => {
        log = await injectWallet(context, { privateKey, rpcUrl: chain.rpcUrl, name: 'Lantern Wallet' })
      },
    },
  )
  await page.goto('/account')
  await page.getByRole('button', { name: 'Lantern Wallet' }).click()
  await page.getByRole('button', { name: 'Disconnect' }).waitFor()
  await page.getByLabel('Amount to deposit, in 0G').fill('4')
  await page.getByRole('button', { name: 'Deposit' }).click()
  await page.getByText('Done.').waitFor({ timeout: 30_000 })
  assert.ok(log.methods.includes('eth_sendTransaction'), 'the wallet was not asked to send')
  await page.getByText(/4 0G of it is free/).waitFor()
  await shoot(page, 'account-wallet')
  await page.reload()
  await page.getByRole('button', { name: 'Disconnect' }).waitFor()
  await page.getByRole('button', { name: 'Disconnect' }).click()
  await page.getByText('This is a test key that everybody knows.').waitFor()
  await page.context().close()
}
