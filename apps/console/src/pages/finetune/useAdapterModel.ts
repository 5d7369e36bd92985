/** The adapted model of a training as its provider serves it, its price, and what is set aside there to talk to it. FINETUNING §10 */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { ChatModel, Client, FineTuningProvider, FineTuningTask } from '@weightless/sdk'
import { contractAddress } from '@weightless/sdk/networkConfig'
import { useSigner } from '../../network/signer.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { answerLimits } from '../chat/useConversation.ts'
import { most, planTopUp, type TopUp, topUp } from './planTopUp.ts'

export type AdapterAccount = {
  model: ChatModel
  /** What must be moved before the first question; nothing when enough for an answer stands there. */
  plan: TopUp
}

/** Tokens of question and answer that one answer may have; asked for is enough for so many of them. */
const answerTokensMax = 2n * BigInt(answerLimits.maxTokens)
const answersWanted = 20n

export function useAdapterModel(trainer: FineTuningProvider, task: FineTuningTask) {
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  const signer = useSigner()
  const address = signer.kind === 'none' ? undefined : signer.address
  const account = useQuery({
    queryKey: ['adapter', trainer.provider, task.id, address],
    queryFn: async () => readAdapterAccount(await loadClient(), trainer, task),
    enabled: address !== undefined,
  })
  const pay = useMutation({
    mutationFn: async (wanted: TopUp) => {
      const client = await loadClient()
      await topUp(client, wanted, (amountWei) => client.account.fundProvider(trainer.provider, amountWei))
    },
    onSettled: async () => {
      void queries.invalidateQueries({ queryKey: ['balance'] })
      await queries.invalidateQueries({ queryKey: ['adapter'] })
    },
  })
  return { account, pay }
}

async function readAdapterAccount(
  client: Client,
  trainer: FineTuningProvider,
  { id, modelRoot }: FineTuningTask,
): Promise<AdapterAccount> {
  const { provider } = trainer
  const { adapterModel } = await import('@weightless/sdk')
  const [models, service, balance] = await Promise.all([
    client.fineTuning.models(trainer),
    client.ledger.read({
      ...{ address: contractAddress(client.config, 'inferenceServing'), abi: abis.inferenceServing },
      ...{ functionName: 'getService', args: [provider] },
    } as const),
    client.account.balance(),
  ])
  const base = models.find(({ root }) => root === modelRoot)
  if (!base) throw new Error('The provider no longer trains the base model of this adapter, so it does not serve it.')
  const { inputPrice, outputPrice } = service
  const setAsideWei = setAsideWith(balance.providers, provider)
  const answerWei = answerTokensMax * most(inputPrice, outputPrice)
  const wantedWei = (setAsideWei ?? 0n) >= answerWei ? 0n : answersWanted * answerWei
  return {
    model: {
      ...{ id: adapterModel(base.name, id), provider, root: undefined, contextLength: undefined },
      ...{ inputWeiPerToken: inputPrice, outputWeiPerToken: outputPrice },
    },
    plan: await planTopUp(client, setAsideWei, wantedWei),
  }
}

type Balances = Awaited<ReturnType<Client['account']['balance']>>['providers']

function setAsideWith(providers: Balances, provider: Hex): bigint | undefined {
  const found = providers.find((each) => each.provider.toLowerCase() === provider.toLowerCase())
  return found && found.balanceWei - found.pendingRefundWei
}
