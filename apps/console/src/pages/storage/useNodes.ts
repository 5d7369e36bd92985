/** The storage nodes of this network: what each says of itself, whether it answers now, and whether this page may stop it. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import type { NodeStatusJson } from '@weightless/sdk'
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
  /** Its own word; undefined for a node that does not answer, or does not tell. */
  status: NodeStatusJson | undefined
}

const refreshMs = 2_000

export function useNodes() {
  const config = useNetwork()
  const loadClient = useLoadClient()
  return useQuery({
    queryKey: ['storage-nodes', config.storage.indexerUrl],
    queryFn: async (): Promise<NodeView[]> => {
      const { storage } = await loadClient()
      const records = await storage.nodes()
      const urls = [...new Set([...config.storage.nodeUrls, ...records.map(({ url }) => url)])]
      return Promise.all(
        urls.map(async (url, i) => {
          const record = records.find((each) => each.url === url)
          const { nodeId, shard, freeBytes } = record ?? {}
          const status = await storage.nodeStatus(url)
          const isAnswering = status !== undefined || (await storage.isAnswering(url))
          return { name: `Node ${i + 1}`, url, nodeId, shard, freeBytes, isAnswering, status }
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
