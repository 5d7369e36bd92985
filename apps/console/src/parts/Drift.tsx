/** The live chain as a horizon: every block lands on the line, and its transactions lift it off the ground. */
import { Link } from '@tanstack/react-router'
import type { CSSProperties } from 'react'
import type { LiveBlock } from '../network/blockFeed.ts'

const slots = 40

export function Drift({ blocks, heightPx = 132 }: { blocks: readonly LiveBlock[]; heightPx?: number }) {
  const newest = blocks[0]?.number ?? 0n
  return (
    // Decoration for the eye: the table of blocks says the same to everybody else.
    <div className="drift" aria-hidden="true" style={{ height: heightPx, '--slots': slots } as CSSProperties}>
      <div className="horizon" />
      {blocks.slice(0, slots).map((block) => {
        const count = block.transactions.length
        const stem = count === 0 ? 0 : Math.min(heightPx - 24, 16 + 17 * Math.log2(1 + count))
        const dot = count === 0 ? 6 : Math.min(16, 8 + 1.5 * Math.log2(1 + count))
        const style = {
          '--slot': Number(newest - block.number),
          '--stem': `${stem}px`,
          '--dot': `${dot}px`,
        } as CSSProperties
        return (
          <Link
            key={block.hash}
            to="/block/$block"
            params={{ block: String(block.number) }}
            tabIndex={-1}
            className="cell"
            style={style}
            data-newest={block.number === newest}
            data-empty={count === 0}
            title={`Block ${block.number}, ${count} transactions`}
          >
            <b />
            <i />
          </Link>
        )
      })}
    </div>
  )
}
