/** Who fine-tunes on this network, what each trains, and the tasks of the present signer with one of them. */
import { useQuery } from '@tanstack/react-query'
import type { FineTuningProvider } from '@weightless/sdk'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { useSigner } from '../../network/signer.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'

export function useTrainers() {
  const { chain } = useNetwork()
  const loadClient = useLoadClient()
  return useQuery({
    queryKey: ['trainers', chain.rpcUrl],
    queryFn: async () => (await loadClient()).fineTuning.providers(),
    refetchInterval: (query) => (query.state.data?.length ? 30_000 : 3_000),
  })
}

export function useTrainableModels(trainer: FineTuningProvider) {
  const loadClient = useLoadClient()
  return useQuery({
    queryKey: ['trainable models', trainer.provider, trainer.url],
    queryFn: async () => (await loadClient()).fineTuning.models(trainer),
  })
}

export function useTasks(trainer: FineTuningProvider) {
  const loadClient = useLoadClient()
  const signer = useSigner()
  const address = signer.kind === 'none' ? undefined : signer.address
  return useQuery({
    queryKey: ['tuning tasks', trainer.provider, address],
    queryFn: async () => (await loadClient()).fineTuning.tasks(trainer),
    enabled: address !== undefined,
    refetchInterval: (query) => (query.state.data?.some(({ progress }) => !isOver(progress)) ? 1_500 : 15_000),
  })
}

const isOver = (progress: string): boolean => progress === 'Finished' || progress === 'Failed'
