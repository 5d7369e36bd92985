/** Reads what somebody dropped or pasted: a bundle, a verdict, or why it is neither. */
import type { VerdictFile } from '@weightless/compute/wire'
import { bundleBytesMax } from '@weightless/receipt/bundle'
import type { Bundle } from '@weightless/receipt/openedReceipt'

export type Document =
  | { kind: 'answer'; name: string; json: unknown; bundle: Bundle }
  | { kind: 'verdict'; name: string; json: unknown; verdict: VerdictFile }

export type ReadDocument = { document: Document } | { fault: string; isJson: boolean }

export async function readDocument(name: string, content: Blob): Promise<ReadDocument> {
  if (content.size > bundleBytesMax) return { fault: 'It is too large for a bundle or a verdict.', isJson: false }
  const text = await content.text()
  const json = parse(text)
  if (json === undefined) return { fault: 'It is no JSON, as bundles and verdicts are.', isJson: false }
  const { kind, opening } = json as { kind?: unknown; opening?: { kind?: unknown } }
  if (kind === 'dispute') {
    const { parseVerdictFile } = await import('@weightless/compute/wire')
    const read = parseVerdictFile(text)
    if (!read.ok) return { fault: `It is no verdict file: ${read.detail ?? read.code}`, isJson: true }
    return { document: { kind: 'verdict', name, json, verdict: read.value } }
  }
  if (opening?.kind === 'training')
    return {
      fault: 'It is the receipt of a training; `weightless verify` trains again, this page does not.',
      isJson: true,
    }
  const { readBundle } = await import('@weightless/receipt/bundle')
  const read = readBundle(json)
  if (!read.ok) return { fault: `It is no receipt bundle: ${read.detail ?? read.code}`, isJson: true }
  return { document: { kind: 'answer', name, json, bundle: read.value } }
}

function parse(text: string): object | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : undefined
  } catch {
    return undefined
  }
}
