/** The storage nodes of a running devnet in one line: how many answer, their peers, and what mining has brought. */
import type { DevnetFile } from '@weightless/node/devnetFile'
import { type NodeStatusJson, readNodeStatus } from '@weightless/sdk'
import { formatTokens } from './output.ts'

const waitMs = 2_000

export async function describeStorage({ nodeUrls }: DevnetFile['storage']): Promise<{ ok: boolean; found: string }> {
  const statuses = await Promise.all(nodeUrls.map(readStatus))
  const up = statuses.filter((status) => status !== undefined)
  const parts = [`${up.length} of ${nodeUrls.length} nodes answer`, describePeers(up), describeMining(statuses)]
  return { ok: up.length === nodeUrls.length, found: parts.filter((part) => part !== '').join('; ') }
}

function describePeers(statuses: readonly NodeStatusJson[]): string {
  const counts = statuses.flatMap(({ peers }) => peers?.connected ?? [])
  if (counts.length === 0) return 'not joined by libp2p'
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return `${least === most ? least : `${least} to ${most}`} peers each`
}

function describeMining(statuses: readonly (NodeStatusJson | undefined)[]): string {
  const miners = statuses.flatMap((status, at) => (status?.mining ? [{ ...status.mining, node: at + 1 }] : []))
  if (miners.length === 0) return 'nobody mines'
  return miners
    .map(({ node, state, answersWon, owedWei, fetchedWei }) => {
      const earned = formatTokens(BigInt(owedWei) + BigInt(fetchedWei))
      return `node ${node} mines (${state}): ${answersWon} answers won, ${earned} tokens since it started`
    })
    .join('; ')
}

async function readStatus(url: string): Promise<NodeStatusJson | undefined> {
  try {
    const answer = await fetch(`${url}/node/status`, { signal: AbortSignal.timeout(waitMs) })
    return answer.ok ? readNodeStatus(await answer.json()) : undefined
  } catch {
    return undefined
  }
}
