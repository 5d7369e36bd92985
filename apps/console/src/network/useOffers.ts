/** What the gateway's providers offer now: price, services, and how they have behaved. */
import { useQuery } from '@tanstack/react-query'
import { useNetwork } from './NetworkProvider.tsx'
import { useLoadClient } from './useLoadClient.ts'

export function useOffers() {
  const { compute } = useNetwork()
  const loadClient = useLoadClient()
  return useQuery({
    queryKey: ['offers', compute.gatewayUrl],
    queryFn: async () => (await loadClient()).market.offers(),
    // An empty list is a provider on its way.
    refetchInterval: (query) => (query.state.data?.length ? 10_000 : 2_000),
  })
}
