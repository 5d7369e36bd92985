/** What a fine-tuning provider asks of the chain and tells it: its service, users' balances, deliverables, settlement. Spec: FINETUNING §9. */
import type { Hex } from '@weightless/codec'
import { abis, fineTuningDomain, verifierMessageTypes } from '@weightless/contracts'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'
import type { LocalAccount } from 'viem'

export type TaskAccount = {
  /** Wei that fees can be drawn from; what the user has asked back is not counted. */
  spendable: bigint
  nonce: bigint
  /** The user's word that the provider's signer may settle. */
  acknowledged: boolean
}

export type ChainDeliverable = { root: Hex; acknowledged: boolean; settled: boolean }

export type Settlement = { user: Hex; id: string; root: Hex; encryptedSecret: Hex; feeWei: bigint; nonce: bigint }

/** Every act may be tried again after a crash: look at the deliverable first. @throws {LedgerUnreachableError}, and reverts */
export type FineTuningChain = {
  /** Undefined when the user has no account with this provider. */
  account(user: Hex): Promise<TaskAccount | undefined>
  deliverable(user: Hex, id: string): Promise<ChainDeliverable | undefined>
  addDeliverable(user: Hex, id: string, root: Hex): Promise<void>
  /** With an empty secret only the penalty share is paid. @returns the wei paid */
  settle(settlement: Settlement): Promise<bigint>
  abandon(user: Hex, id: string): Promise<void>
}

export type FineTuningChainOptions = {
  ledger: Ledger
  fineTuningServing: Hex
  chainId: bigint
  account: LocalAccount
}

export function createFineTuningChain(options: FineTuningChainOptions): FineTuningChain {
  const { ledger, fineTuningServing, account } = options
  const at = { address: fineTuningServing, abi: abis.fineTuningServing } as const
  const provider = account.address

  async function balanceOf(user: Hex): Promise<bigint> {
    return (await ledger.read({ ...at, functionName: 'getAccount', args: [user, provider] })).balance
  }

  return {
    account: (user) =>
      orUndefined('AccountNotExists', async () => {
        const found = await ledger.read({ ...at, functionName: 'getAccount', args: [user, provider] })
        const { balance, pendingRefund, nonce, acknowledged } = found
        return { spendable: balance - pendingRefund, nonce, acknowledged }
      }),
    deliverable: (user, id) =>
      orUndefined(['DeliverableNotExists', 'AccountNotExists'], async () => {
        const found = await ledger.read({ ...at, functionName: 'getDeliverable', args: [user, provider, id] })
        return { root: found.modelRootHash, acknowledged: found.acknowledged, settled: found.settled }
      }),
    async addDeliverable(user, id, root) {
      await ledger.submit({ ...at, functionName: 'addDeliverable', args: [user, id, root] })
    },
    async settle(settlement) {
      const before = await balanceOf(settlement.user)
      const input = await signSettlement(options, settlement)
      await ledger.submit({ ...at, functionName: 'settleFees', args: [input] })
      return before - (await balanceOf(settlement.user))
    },
    async abandon(user, id) {
      await ledger.submit({ ...at, functionName: 'abandonDeliverable', args: [user, id] })
    },
  }
}

async function signSettlement(
  { account, chainId, fineTuningServing }: FineTuningChainOptions,
  { user, id, root, encryptedSecret, feeWei, nonce }: Settlement,
) {
  const message = { id, encryptedSecret, modelRootHash: root, nonce, taskFee: feeWei, user }
  const signature = await account.signTypedData({
    domain: { ...fineTuningDomain, chainId, verifyingContract: fineTuningServing },
    types: verifierMessageTypes,
    primaryType: 'VerifierMessage',
    message,
  })
  return { ...message, signature }
}

async function orUndefined<Result>(
  names: string | readonly string[],
  read: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await read()
  } catch (fault) {
    const name = fault instanceof TransactionRevertedError ? fault.reason.errorName : undefined
    if (name !== undefined && names.includes(name)) return undefined
    throw fault
  }
}
