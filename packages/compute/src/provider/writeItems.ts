/**
 * What a response puts out, as items and as the events that build them: one message, or the calls of functions that the
 * model's text makes. COMPUTE §5.6
 */
import { type CallEvent, createCallReader } from '@weightless/tensor'

type Status = 'in_progress' | 'completed' | 'incomplete'

/** Words one event of the stream. */
type Tell = (type: string, fields: object) => string

type Item =
  | { kind: 'message'; id: string; text: string }
  | { kind: 'call'; id: string; callId: string; name: string; text: string }

export type ItemWriter = {
  begin(): string
  /** More of the model's text; no event while nothing is certain. */
  piece(text: string): string
  /** @param status - of the last item; the others are complete */
  end(status: Status): string
  /** As they are after the end. */
  output(): unknown[]
}

/** @param jobId - without what begins it, unique among the provider's jobs */
export function createItemWriter(tell: Tell, jobId: string, hasTools: boolean): ItemWriter {
  const reader = createCallReader()
  const told: unknown[] = []
  let open: Item | undefined
  let calls = 0

  function start(item: Item): string {
    const before = finish('completed')
    open = item
    return before + tellStart(tell, told.length, item)
  }

  function startMessage(): string {
    const suffix = told.length === 0 && !open ? '' : `_${told.length + 1}`
    return start({ kind: 'message', id: `msg_${jobId}${suffix}`, text: '' })
  }

  function startCall(name: string): string {
    const index = calls++
    return start({ kind: 'call', id: `fc_${jobId}_${index}`, callId: `call_${jobId}_${index}`, name, text: '' })
  }

  function add(text: string): string {
    open!.text += text
    return tellMore(tell, told.length, open!, text)
  }

  function finish(status: Status): string {
    if (!open) return ''
    const events = tellEnd(tell, told.length, open, status)
    told.push(shown(open, status))
    open = undefined
    return events
  }

  function take(event: CallEvent): string {
    if (event.kind === 'call') return startCall(event.name)
    if (event.kind === 'arguments') return add(event.text)
    return (open?.kind === 'message' ? '' : startMessage()) + add(event.text)
  }

  const takeAll = (events: readonly CallEvent[]): string => events.map(take).join('')

  return {
    // With functions it shows only later whether there is a message.
    begin: () => (hasTools ? '' : startMessage()),
    piece(text) {
      if (text === '') return ''
      return hasTools ? takeAll(reader.push(text)) : take({ kind: 'content', text })
    },
    end(status) {
      const rest = takeAll(reader.flush())
      const empty = open || told.length > 0 ? '' : startMessage()
      return rest + empty + finish(status)
    },
    output: () => told,
  }
}

function tellStart(tell: Tell, index: number, item: Item): string {
  const added = tell('response.output_item.added', { output_index: index, item: shown(item, 'in_progress') })
  if (item.kind === 'call') return added
  return added + tell('response.content_part.added', { ...placeOf(index, item), part: partOf('') })
}

function tellMore(tell: Tell, index: number, item: Item, delta: string): string {
  if (item.kind === 'call') return tell('response.function_call_arguments.delta', { ...placeOf(index, item), delta })
  return tell('response.output_text.delta', { ...placeOf(index, item), delta, logprobs: [] })
}

function tellEnd(tell: Tell, index: number, item: Item, status: Status): string {
  const place = placeOf(index, item)
  const { text } = item
  const done =
    item.kind === 'call'
      ? tell('response.function_call_arguments.done', { ...place, name: item.name, arguments: text })
      : tell('response.output_text.done', { ...place, text, logprobs: [] }) +
        tell('response.content_part.done', { ...place, part: partOf(text) })
  return done + tell('response.output_item.done', { output_index: index, item: shown(item, status) })
}

const placeOf = (index: number, { kind, id }: Item) => ({
  item_id: id,
  output_index: index,
  ...(kind === 'message' ? { content_index: 0 } : {}),
})

const partOf = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })

function shown(item: Item, status: Status) {
  const { id, text } = item
  if (item.kind === 'call') {
    return { id, type: 'function_call', status, call_id: item.callId, name: item.name, arguments: text }
  }
  const content = status === 'in_progress' ? [] : [partOf(text)]
  return { id, type: 'message', status, role: 'assistant', content }
}
