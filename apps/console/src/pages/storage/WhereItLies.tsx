/** The rows of one file and the nodes that hold them: how many may vanish, and whether it can be read right now. */
import { useQuery } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import type { FilePlace } from '@weightless/sdk'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { type NodeView, useNodes } from './useNodes.ts'

export function WhereItLies({ root }: { root: Hex }) {
  const loadClient = useLoadClient()
  const { data: nodes = [] } = useNodes()
  const { data, error, isPending } = useQuery({
    queryKey: ['placement', root],
    queryFn: async () => (await (await loadClient()).storage.locate(root)) ?? null,
    refetchInterval: 5_000,
  })
  if (error) return <ErrorNotice title="The indexer does not say where the file lies" error={error} />
  if (isPending) return <div className="skeleton h-24" />
  if (!data) return <p className="text-soft">No placement is known for this root yet.</p>
  return <Rows place={data} nodes={nodes} />
}

function Rows({ place, nodes }: { place: FilePlace; nodes: readonly NodeView[] }) {
  const rows = place.holders.map(({ row, nodeId, url }) => {
    const node = nodes.find((each) => each.nodeId === nodeId || (url !== undefined && each.url === url))
    return { row, nodeId, name: node?.name ?? `Node ${nodeId.slice(2, 8)}`, isUp: node?.isAnswering ?? false }
  })
  const up = rows.filter(({ isUp }) => isUp).length
  const spare = up - place.dataRows
  return (
    <div className="grid gap-4">
      <ol className="grid grid-cols-2 gap-2 sm:grid-cols-3 lg:grid-cols-6">
        {rows.map(({ row, nodeId, name, isUp }) => (
          <li
            key={nodeId}
            className={`rounded-lg border px-3 py-2.5 ${isUp ? 'border-line bg-sheet' : 'border-bad border-dashed bg-bad-wash'}`}
          >
            <p className="label">{row < place.dataRows ? `Data ${row + 1}` : `Parity ${row - place.dataRows + 1}`}</p>
            <p className="font-[560]">{name}</p>
            <p className={`text-sm ${isUp ? 'text-good' : 'text-bad'}`}>{isUp ? 'holds it' : 'away'}</p>
          </li>
        ))}
      </ol>
      <p role="status" className="text-soft">
        <strong className={`font-[620] ${spare >= 0 ? 'text-good' : 'text-bad'}`}>
          {spare >= 0 ? 'Readable.' : 'Not readable now.'}
        </strong>{' '}
        Any {place.dataRows} of {rows.length} rows give back every byte; {up} answer.{' '}
        {spare > 0
          ? `${spare === 1 ? 'One more node' : `${spare} more nodes`} may vanish.`
          : spare === 0
            ? 'No further node may vanish until a repair.'
            : `${-spare} of them must come back.`}
      </p>
    </div>
  )
}
