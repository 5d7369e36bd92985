/** A response as it passed through, by each way in which a client may read it. COMPUTE §10.8 */
import type { ToolCall } from '@weightless/tensor'

/** Text and calls of one answer. */
export type Calls = { content: string; calls: ToolCall[] }

type Item = { type?: unknown; content?: unknown; name?: unknown; arguments?: unknown }

/** A response, or an event of one; every field is whatever was sent. */
export type SpokenResponse = {
  output?: unknown
  type?: unknown
  output_index?: unknown
  item?: Item | null
  delta?: unknown
  response?: { output?: unknown } | null
}

/** Whole there is one way; in a stream clients join the deltas, take the items that are done, or the response at the end. */
export function readResponse(said: readonly SpokenResponse[], streamed: boolean): Calls[] {
  if (!streamed) return said.map(({ output }) => gatherItems(output))
  const done = said.flatMap(({ type, item }) => (type === 'response.output_item.done' ? [item] : []))
  const shown = said.map(({ response }) => gatherItems(response?.output))
  return [gatherDeltas(said), gatherItems(done), ...shown]
}

function gatherItems(output: unknown): Calls {
  const gathered: Calls = { content: '', calls: [] }
  for (const item of listOf(output) as (Item | null | undefined)[]) {
    if (item?.type === 'function_call') gathered.calls.push(callOf(item))
    else
      gathered.content += listOf(item?.content)
        .map((part) => textOf((part as { text?: unknown })?.text))
        .join('')
  }
  return gathered
}

function gatherDeltas(said: readonly SpokenResponse[]): Calls {
  const gathered: Calls = { content: '', calls: [] }
  const calls = new Map<unknown, ToolCall>()
  for (const { type, output_index: index, item, delta } of said) {
    if (type === 'response.output_text.delta') gathered.content += textOf(delta)
    else if (type === 'response.output_item.added' && item?.type === 'function_call') {
      const call = callOf(item)
      calls.set(index, call)
      gathered.calls.push(call)
    } else if (type === 'response.function_call_arguments.delta') {
      const call = calls.get(index)
      if (call) call.arguments += textOf(delta)
    }
  }
  return gathered
}

const callOf = ({ name, arguments: given }: Item): ToolCall => ({ name: textOf(name), arguments: textOf(given) })

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
