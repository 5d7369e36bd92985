/** The newest blocks, one row each, as they come. */
import { Link } from '@tanstack/react-router'
import { type LiveBlock, useBlockFeed } from '../../network/blockFeed.ts'
import { Age } from '../../parts/Age.tsx'
import { shorten } from '../../parts/Copyable.tsx'
import { Drift } from '../../parts/Drift.tsx'
import { formatCount } from '../../parts/formatAmount.ts'
import { Notice } from '../../parts/Notice.tsx'
import { PageHead } from '../../parts/PageHead.tsx'

export function Blocks() {
  const { blocks, state } = useBlockFeed()
  return (
    <>
      <PageHead title="Blocks">A block comes at once when there is work. What is in one is final.</PageHead>
      {state === 'offline' && (
        <div className="mb-6">
          <Notice kind="bad" title="The chain does not answer">
            These are the last blocks that were seen. The console keeps trying.
          </Notice>
        </div>
      )}
      <Drift blocks={blocks} heightPx={96} />
      {blocks.length === 0 ? <div className="skeleton mt-6 h-64" /> : <BlockTable blocks={blocks} />}
    </>
  )
}

function BlockTable({ blocks }: { blocks: readonly LiveBlock[] }) {
  return (
    <table className="mt-6 w-full text-left">
      <caption className="sr-only">The newest blocks</caption>
      <thead className="border-line border-b text-mute text-sm">
        <tr>
          <th className="py-2 font-[520]">Block</th>
          <th className="py-2 text-right font-[520]">Transactions</th>
          <th className="hidden py-2 text-right font-[520] sm:table-cell">Gas</th>
          <th className="hidden py-2 pl-8 font-[520] md:table-cell">Hash</th>
          <th className="py-2 text-right font-[520]">Age</th>
        </tr>
      </thead>
      <tbody>
        {blocks.map((block) => (
          <tr key={block.hash} className="border-line border-b">
            <td className="py-2.5">
              <Link to="/block/$block" params={{ block: String(block.number) }} className="link tabular-nums">
                {formatCount(block.number)}
              </Link>
            </td>
            <td
              className={`py-2.5 text-right tabular-nums ${block.transactions.length === 0 ? 'text-mute' : 'font-[620]'}`}
            >
              {block.transactions.length}
            </td>
            <td className="hidden py-2.5 text-right text-mute tabular-nums sm:table-cell">
              {formatCount(block.gasUsed)}
            </td>
            <td className="hidden py-2.5 pl-8 font-mono text-[0.8125rem] text-mute md:table-cell">
              {shorten(block.hash)}
            </td>
            <td className="py-2.5 text-right text-mute">
              <Age seconds={block.timestamp} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
