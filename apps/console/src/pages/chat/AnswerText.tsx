/**
 * Shows an answer with a little Markdown: paragraphs, headings, lists, code, emphasis, links. It builds elements from
 * plain text and never HTML, so nothing that a model writes can run here.
 */
import { Fragment, type ReactNode } from 'react'

export function AnswerText({ text }: { text: string }) {
  return (
    <div className="prose max-w-[42rem] text-[1.0625rem] leading-[1.65]">
      {splitBlocks(text).map((block, i) => (
        // Blocks of a growing text keep their place.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Fragment key={i}>{renderBlock(block)}</Fragment>
      ))}
    </div>
  )
}

type Block =
  | { kind: 'paragraph'; text: string }
  | { kind: 'heading'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'list'; ordered: boolean; items: string[] }

const blocksMax = 2_000

function splitBlocks(text: string): Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length && blocks.length < blocksMax; ) {
    const line = lines[at] ?? ''
    if (line.trim() === '') at++
    else if (/^\s*```/.test(line)) {
      const end = lines.findIndex((each, i) => i > at && /^\s*```/.test(each))
      const stop = end < 0 ? lines.length : end
      blocks.push({ kind: 'code', text: lines.slice(at + 1, stop).join('\n') })
      at = stop + 1
    } else if (/^#{1,6}\s/.test(line)) {
      blocks.push({ kind: 'heading', text: line.replace(/^#+\s+/, '') })
      at++
    } else if (listItem.test(line)) {
      const stop = firstFrom(lines, at, (each) => !listItem.test(each))
      const items = lines.slice(at, stop).map((each) => each.replace(listItem, ''))
      blocks.push({ kind: 'list', ordered: /^\s*\d/.test(line), items })
      at = stop
    } else {
      const stop = firstFrom(
        lines,
        at + 1,
        (each) => each.trim() === '' || /^\s*```|^#{1,6}\s/.test(each) || listItem.test(each),
      )
      blocks.push({ kind: 'paragraph', text: lines.slice(at, stop).join('\n') })
      at = stop
    }
  }
  return blocks
}

const listItem = /^\s*(?:[-*+]|\d{1,3}[.)])\s+/

function firstFrom(lines: string[], from: number, matches: (line: string) => boolean): number {
  const found = lines.findIndex((line, i) => i >= from && matches(line))
  return found < 0 ? lines.length : found
}

function renderBlock(block: Block): ReactNode {
  if (block.kind === 'code')
    return (
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide block must scroll by keyboard too
      <pre tabIndex={0} className="font-mono">
        <code>{block.text}</code>
      </pre>
    )
  if (block.kind === 'heading') return <h3>{renderInline(block.text)}</h3>
  if (block.kind === 'paragraph') return <p className="whitespace-pre-wrap">{renderInline(block.text)}</p>
  const List = block.ordered ? 'ol' : 'ul'
  return (
    <List>
      {block.items.map((item, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: items of a growing list keep their place
        <li key={i}>{renderInline(item)}</li>
      ))}
    </List>
  )
}

const inline = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(\*[^*\s][^*\n]*\*)|(https?:\/\/[^\s<>")\]]+)/g

function renderInline(text: string): ReactNode[] {
  const parts: ReactNode[] = []
  let at = 0
  for (const match of text.matchAll(inline)) {
    parts.push(text.slice(at, match.index))
    parts.push(<Fragment key={match.index}>{renderMark(match)}</Fragment>)
    at = match.index + match[0].length
  }
  parts.push(text.slice(at))
  return parts
}

function renderMark([whole, code, strong, emphasis]: RegExpMatchArray): ReactNode {
  if (code) return <code className="font-mono">{code.slice(1, -1)}</code>
  if (strong) return <strong className="font-[620]">{strong.slice(2, -2)}</strong>
  if (emphasis) return <em>{emphasis.slice(1, -1)}</em>
  return (
    <a href={whole} className="link" target="_blank" rel="noreferrer noopener">
      {whole}
    </a>
  )
}
