/** Brings what stands with a fine-tuning provider back at once, if it signs that nothing is owed to it. Spec: SETTLEMENT §8 */
import { abis } from '@weightless/contracts'
import type { LedgerAccount } from '@weightless/ledger'
import { readConsent } from '../account/askRefundConsent.ts'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { askTrainer, type TrainerAddress } from './askTrainer.ts'
import { signRefund } from './trainerSignatures.ts'

/** @throws {TrainerRefusedError} a task is not over @throws {RefundRefusedError} the consent is malformed */
export async function retrieveFromTrainer(
  context: ClientContext,
  account: LedgerAccount,
  trainer: TrainerAddress,
): Promise<void> {
  const { ledger, config, env } = context
  const timestamp = Math.floor(env.clock.nowMs() / 1000)
  const answer = await askTrainer(context, trainer, `/v1/user/${account.address}/refund-consent`, {
    signature: await signRefund(account, timestamp),
    timestamp,
  })
  const { consent, signature } = readConsent(trainer.provider, account.address, answer)
  const manager = { address: contractAddress(config, 'ledgerManager'), abi: abis.ledgerManager } as const
  const serving = contractAddress(config, 'fineTuningServing')
  const { fullName } = await ledger.read({ ...manager, functionName: 'getServiceInfo', args: [serving] })
  await ledger.submit({ ...manager, functionName: 'retrieveFundNow', args: [fullName, consent, signature] })
}
