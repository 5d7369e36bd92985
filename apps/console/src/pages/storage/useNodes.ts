/** The storage nodes of this network: what each says of itself, whether it answers now, and whether this page may stop it. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { useLoadClient } from '../../network/useLoadClient.ts'

export type NodeView = {
  name: string
  url: string
  nodeId: Hex | undefined
  /** Undefined for a node that takes parity rows alone, or that has never been heard. */
  shard: { numShard: number; shardId: number } | null | undefined
  freeBytes: number | undefined
  isAnswering: boolean
}

const refreshMs = 2_000

export function useNodes() {
  const config = useNetwork()
  const loadClient = useLoadClient()
  return useQuery({
    queryKey: ['storage-nodes', config.storage.indexerUrl],
    queryFn: async (): Promise<NodeView[]> => {
      const records = await (await loadClient()).storage.nodes()
      const urls = [...new Set([...config.storage.nodeUrls, ...records.map(({ url }) => url)])]
      return Promise.all(
        urls.map(async (url, i) => {
          const record = records.find((each) => each.url === url)
          const { nodeId, shard, freeBytes } = record ?? {}
          return { name: `Node ${i + 1}`, url, nodeId, shard, freeBytes, isAnswering: await answers(url) }
        }),
      )
    },
    refetchInterval: refreshMs,
    placeholderData: (before) => before,
  })
}

/** On a devnet the console's own server stops and starts nodes; elsewhere it does not know the route. */
export function useNodeSwitch() {
  const queries = useQueryClient()
  const { data } = useQuery({
    queryKey: ['storage-switch'],
    queryFn: async (): Promise<string[]> => {
      const response = await fetch('/devnet/storage', { cache: 'no-store' })
      const isJson = response.headers.get('content-type')?.includes('json') ?? false
      if (!response.ok || !isJson) return []
      const { nodes } = (await response.json()) as { nodes: { url: string }[] }
      return nodes.map(({ url }) => url)
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
  const { mutate, isPending, error } = useMutation({
    mutationFn: async ({ url, start }: { url: string; start: boolean }) => {
      const response = await fetch(`/devnet/storage/${data?.indexOf(url)}/${start ? 'start' : 'stop'}`, {
        method: 'POST',
      })
      if (!response.ok) throw new Error(`The devnet answered ${response.status}.`)
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['storage-nodes'] }),
  })
  return { canSwitch: (url: string) => data?.includes(url) ?? false, turn: mutate, isPending, error }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/node/record`, { signal: AbortSignal.timeout(1_500), cache: 'no-store' })
    return response.ok
  } catch {
    return false
  }
}
