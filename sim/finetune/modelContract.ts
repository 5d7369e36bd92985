/** The fine-tuning contract's rules for deliverables and money, in memory: it outlives the provider, and counts what is paid. */
import type { Hex } from '@weightless/codec'
import type { FineTuningChain } from '@weightless/compute/finetune/fineTuningChain'
import type { Env } from '@weightless/env'
import { LedgerUnreachableError, TransactionRevertedError } from '@weightless/ledger'

type Item = {
  id: string
  root: Hex
  acknowledged: boolean
  settled: boolean
  secret: Hex
  paid: bigint
  payments: number
}

export type ModelContract = {
  balances: Map<Hex, bigint>
  items: Map<Hex, Item[]>
  isAway: boolean
  acknowledge(user: Hex, id: string): boolean
  /** The provider's view; each call takes a moment, and an answer may be lost after the act. */
  seenFrom(clock: Env['clock'], isLost: () => boolean): FineTuningChain
}

const penaltyPercent = 30n

export function createModelContract(): ModelContract {
  const balances = new Map<Hex, bigint>()
  const nonces = new Map<Hex, bigint>()
  const items = new Map<Hex, Item[]>()
  const find = (user: Hex, id: string) => items.get(user)?.find((item) => item.id === id)
  const contract: ModelContract = {
    balances,
    items,
    isAway: false,
    acknowledge(user, id) {
      const item = find(user, id)
      if (!item || item.settled) return false
      item.acknowledged = true
      return true
    },
    seenFrom(clock, isLost) {
      async function call<Result>(act: () => Result): Promise<Result> {
        await clock.sleep(5)
        if (contract.isAway) throw away()
        const result = act()
        await clock.sleep(5)
        if (isLost()) throw away()
        return result
      }
      return {
        account: (user) =>
          call(() => {
            const spendable = balances.get(user)
            return spendable === undefined
              ? undefined
              : { spendable, nonce: nonces.get(user) ?? 0n, acknowledged: true }
          }),
        deliverable: (user, id) => call(() => structuredClone(find(user, id))),
        addDeliverable: (user, id, root) =>
          call(() => {
            const ring = items.get(user) ?? []
            if (find(user, id)) throw revert('DeliverableAlreadyExists')
            const last = ring.at(-1)
            if (last && !last.acknowledged && !last.settled) throw revert('PreviousDeliverableNotAcknowledged')
            ring.push({ id, root, acknowledged: false, settled: false, secret: '0x', paid: 0n, payments: 0 })
            items.set(user, ring)
          }),
        settle: ({ user, id, root, encryptedSecret, feeWei, nonce }) =>
          call(() => {
            const item = find(user, id)
            if (!item) throw revert('DeliverableNotExists')
            if (nonce <= (nonces.get(user) ?? 0n)) throw revert('InvalidVerifierInput')
            if (item.settled) throw revert('DeliverableAlreadySettled')
            if (item.root !== root) throw revert('InvalidVerifierInput')
            if (item.acknowledged !== (encryptedSecret !== '0x')) throw revert('SecretShouldBeEmpty')
            const fee = item.acknowledged ? feeWei : (feeWei * penaltyPercent) / 100n
            if (fee > balances.get(user)!) throw revert('InvalidVerifierInput')
            balances.set(user, balances.get(user)! - fee)
            nonces.set(user, nonce)
            Object.assign(item, {
              settled: true,
              secret: encryptedSecret,
              paid: item.paid + fee,
              payments: item.payments + 1,
            })
            return fee
          }),
        abandon: (user, id) =>
          call(() => {
            const item = find(user, id)
            if (!item) throw revert('DeliverableNotExists')
            if (item.settled) throw revert('CannotAbandonSettledDeliverable')
            item.settled = true
          }),
      }
    },
  }
  return contract
}

const revert = (errorName: string) =>
  new TransactionRevertedError({ errorName, args: [], text: errorName }, { to: undefined })

const away = () => new LedgerUnreachableError({ rpcUrl: 'model', method: 'any', reason: 'away' })
