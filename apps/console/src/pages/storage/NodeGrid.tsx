/** Every storage node as a card: what it keeps, whether it answers, its peers and earnings, and on a devnet a switch. */
import { ErrorNotice } from '../../parts/Notice.tsx'
import { NodeFacts } from './NodeFacts.tsx'
import { type NodeView, useNodeSwitch, useNodes } from './useNodes.ts'

export function NodeGrid() {
  const { data, error, isPending, refetch } = useNodes()
  const power = useNodeSwitch()
  return (
    <section aria-labelledby="storage-nodes">
      <h2 id="storage-nodes" className="heading mb-3">
        Nodes
      </h2>
      {error && <ErrorNotice title="The indexer does not say which nodes there are" error={error} onRetry={refetch} />}
      {power.error && <ErrorNotice title="The node did not do as told" error={power.error} />}
      {isPending && <div className="skeleton h-40" />}
      <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        {data?.map((node) => (
          <NodeCard
            key={node.url}
            node={node}
            busy={power.isPending}
            onTurn={power.canSwitch(node.url) ? (start) => power.turn({ url: node.url, start }) : undefined}
          />
        ))}
      </ul>
    </section>
  )
}

function NodeCard(props: { node: NodeView; busy: boolean; onTurn: ((start: boolean) => void) | undefined }) {
  const { node, busy, onTurn } = props
  const { name, url, shard, freeBytes, isAnswering, status } = node
  return (
    <li className="sheet grid grid-rows-[auto_auto_1fr_auto] gap-3 px-5 py-4">
      <div className="flex items-baseline justify-between gap-3">
        <h3 className="font-[620]">{name}</h3>
        <span className={`text-sm ${isAnswering ? 'text-good' : 'font-[560] text-bad'}`}>
          {isAnswering ? 'up' : 'not answering'}
        </span>
      </div>
      <p className="text-soft">{describeShard(shard)}</p>
      <div>{status && <NodeFacts status={status} freeBytes={freeBytes} />}</div>
      <div className="flex items-center justify-between gap-3">
        <span className="font-mono text-[0.8125rem] text-mute">{url.replace(/^https?:\/\//, '')}</span>
        {onTurn && (
          <button
            type="button"
            className="button button-small"
            disabled={busy}
            onClick={() => onTurn(!isAnswering)}
            aria-label={`${isAnswering ? 'Stop' : 'Start'} ${name}`}
          >
            {isAnswering ? 'Stop' : 'Start'}
          </button>
        )}
      </div>
    </li>
  )
}

function describeShard(shard: NodeView['shard']): string {
  if (shard === undefined) return 'not heard of lately'
  if (shard === null) return 'keeps parity'
  return `keeps every ${ordinal(shard.numShard)} segment, from number ${shard.shardId}`
}

function ordinal(count: number): string {
  const suffixes: { [last: number]: string } = { 1: 'st', 2: 'nd', 3: 'rd' }
  const suffix = count % 100 > 10 && count % 100 < 14 ? 'th' : (suffixes[count % 10] ?? 'th')
  return `${count}${suffix}`
}
