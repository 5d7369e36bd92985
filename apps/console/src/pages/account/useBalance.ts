/** What the present signer has: on the chain, in the ledger, with each provider; renewed with every block that has work. */
import { useQuery } from '@tanstack/react-query'
import { useSigner } from '../../network/signer.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'

export function useBalance() {
  const loadClient = useLoadClient()
  const signer = useSigner()
  const address = signer.kind === 'none' ? undefined : signer.address
  return useQuery({
    queryKey: ['balance', address],
    queryFn: async () => (await loadClient()).account.balance(address),
    enabled: address !== undefined,
    refetchInterval: 4_000,
  })
}
