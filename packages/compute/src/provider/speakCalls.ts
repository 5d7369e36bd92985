/** An answer as a message: its text, or the calls of functions that it makes. COMPUTE §4.6 */
import { type CallEvent, createCallReader, readToolCalls } from '@weightless/tensor'
import type { EngineEnd } from '../engine/engine.ts'
import type { ChatChunk, ChatCompletion, FinishReason } from '../wire/chatAnswer.ts'
import type { WrittenJob } from './writeAnswer.ts'

type Message = ChatCompletion['choices'][number]['message']
type Delta = ChatChunk['choices'][number]['delta']

export type Speaker = {
  whole(text: string): Message
  /** What more of the text adds; the deltas of one piece in order, none while nothing is certain. */
  piece(text: string): Delta[]
  /** What is left at the end. */
  rest(): Delta[]
  reasonOf(end: EngineEnd): FinishReason
}

/** @param choice - which answer of the job it is */
export function createSpeaker({ id, request }: WrittenJob, choice: number): Speaker {
  return (request.shape?.tools ?? '') === '' ? speakText() : speakCalls(id.slice(id.indexOf('-') + 1), choice)
}

function speakText(): Speaker {
  return {
    whole: (content) => ({ role: 'assistant', content, refusal: null }),
    piece: (content) => (content === '' ? [] : [{ content }]),
    rest: () => [],
    reasonOf: ({ finishReason }) => (finishReason === 'length' ? 'length' : 'stop'),
  }
}

function speakCalls(jobId: string, choice: number): Speaker {
  const reader = createCallReader()
  const idOf = (index: number) => `call_${jobId}_${choice}_${index}`
  const deltaOf = (event: CallEvent): Delta => {
    if (event.kind === 'content') return { content: event.text }
    const { index } = event
    if (event.kind === 'arguments') return { tool_calls: [{ index, function: { arguments: event.text } }] }
    const begun = { name: event.name, arguments: '' }
    return { tool_calls: [{ index, id: idOf(index), type: 'function', function: begun }] }
  }
  return {
    whole(text) {
      const { content, calls } = readToolCalls(text)
      if (calls.length === 0) return { role: 'assistant', content, refusal: null }
      const parts = calls.map((call, index) => ({ id: idOf(index), type: 'function', function: call }) as const)
      return { role: 'assistant', content: content === '' ? null : content, refusal: null, tool_calls: parts }
    },
    piece: (text) => reader.push(text).map(deltaOf),
    rest: () => reader.flush().map(deltaOf),
    reasonOf({ finishReason, outputText }) {
      if (finishReason === 'length') return 'length'
      return readToolCalls(outputText).calls.length > 0 ? 'tool_calls' : 'stop'
    },
  }
}
