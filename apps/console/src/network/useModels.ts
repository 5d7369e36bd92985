/** The models that the gateway offers now, with their price. */
import { useQuery } from '@tanstack/react-query'
import { useNetwork } from './NetworkProvider.tsx'
import { useLoadClient } from './useLoadClient.ts'

export function useModels() {
  const { compute } = useNetwork()
  const loadClient = useLoadClient()
  return useQuery({
    queryKey: ['models', compute.gatewayUrl],
    queryFn: async ({ signal }) => (await loadClient()).chat.models({ signal }),
    // An empty list is a model on its way: look often until it is there.
    refetchInterval: (query) => (query.state.data?.length ? 30_000 : 2_000),
  })
}
