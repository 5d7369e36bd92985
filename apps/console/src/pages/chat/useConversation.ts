/** The turns of one conversation: they stay in this tab's memory; bundles of answers are kept in this browser. */
import type { Hex } from '@weightless/codec'
import type { Bundle, ChatEvent, ChatModel, ChatUsage, Client } from '@weightless/sdk'
import { useCallback, useEffect, useRef, useState } from 'react'
import { keepBundle } from '../../network/keptBundles.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'

export type ChatTurn = {
  id: string
  question: string
  /** What was sent: the conversation before, and the question. */
  messages: readonly Message[]
  answer: string
  model: ChatModel
  /** Whom the user pinned; undefined: the gateway chose. */
  pinned: Hex | undefined
  /** Who answered, as the gateway names it. */
  answeredBy?: Hex
  /** `stopped`: the user stopped it; what was sent is billed and has a receipt. */
  state: 'waiting' | 'answering' | 'done' | 'stopped' | 'failed'
  error?: unknown
  usage?: ChatUsage | undefined
  receiptId?: string
  bundle?: Bundle
  /** Why this answer cannot be executed again here, if it cannot. */
  whyUnverifiable?: string
  /** Why the receipt could not be fetched, if it could not. */
  receiptError?: unknown
  startedAtMs: number
  firstTokenMs?: number
  tookMs?: number
}

const turnsSentMax = 20
/** What the makers of the default model advise: hotter, so small a model loses its thread. */
export const answerLimits = { maxTokens: 512, temperature: 0.2, topP: 0.9 }

/** Who is asked, and who has the receipts. */
export type Answerer = {
  stream(client: Client, turn: ChatTurn, signal: AbortSignal): AsyncIterable<ChatEvent>
  receipt(client: Client, turn: ChatTurn, receiptId: string): Promise<Bundle>
  /** Why its answers cannot be executed again here, if they cannot. */
  whyUnverifiable?: string
}

/** The gateway, which asks the pinned provider or chooses one. */
const viaGateway: Answerer = {
  stream: (client, { model, messages, pinned }, signal) =>
    client.chat.stream({ model: model.id, messages, ...answerLimits, ...(pinned && { provider: pinned }) }, { signal }),
  receipt: (client, _turn, receiptId) => client.receipts.get(receiptId),
}

/** @param answerer - the same object as long as the same is asked */
export function useConversation(model: ChatModel | undefined, provider?: Hex, answerer = viaGateway) {
  const loadClient = useLoadClient()
  const [turns, setTurns] = useState<readonly ChatTurn[]>([])
  const stopper = useRef<AbortController>(undefined)
  const busy = turns.some(({ state }) => state === 'waiting' || state === 'answering')
  useEffect(() => () => stopper.current?.abort(), [])

  const ask = useCallback(
    async (question: string) => {
      if (!model || busy || question.trim() === '') return
      const turn: ChatTurn = {
        id: crypto.randomUUID(),
        question,
        messages: toMessages(turns, question),
        answer: '',
        model,
        pinned: provider,
        state: 'waiting',
        startedAtMs: performance.now(),
        ...(answerer.whyUnverifiable && { whyUnverifiable: answerer.whyUnverifiable }),
      }
      const control = new AbortController()
      stopper.current = control
      setTurns((now) => [...now, turn])
      const change = (patch: Partial<ChatTurn>) =>
        setTurns((now) => now.map((each) => (each.id === turn.id ? { ...each, ...patch } : each)))
      try {
        await runTurn(await loadClient(), answerer, turn, control.signal, change)
      } catch (error) {
        change(control.signal.aborted ? { state: 'stopped' } : { state: 'failed', error })
      }
    },
    [model, provider, answerer, busy, turns, loadClient],
  )
  const stop = useCallback(() => stopper.current?.abort(), [])
  const clear = useCallback(() => setTurns([]), [])
  return { turns, busy, ask, stop, clear }
}

type Message = { role: 'user' | 'assistant'; content: string }

async function runTurn(
  client: Client,
  answerer: Answerer,
  turn: ChatTurn,
  signal: AbortSignal,
  change: (patch: Partial<ChatTurn>) => void,
): Promise<void> {
  let answer = ''
  let receiptId: string | undefined
  try {
    for await (const event of answerer.stream(client, turn, signal)) {
      if (event.type === 'receipt') {
        receiptId = event.receiptId
        change({ receiptId, ...(event.provider && { answeredBy: event.provider }) })
      }
      if (event.type === 'text') {
        if (answer === '') change({ firstTokenMs: performance.now() - turn.startedAtMs })
        answer += event.text
        change({ answer, state: 'answering' })
      }
      if (event.type === 'end')
        change({ state: 'done', usage: event.usage, tookMs: performance.now() - turn.startedAtMs })
    }
  } finally {
    if (receiptId) void fetchBundle(client, answerer, turn, receiptId, change)
  }
}

/** The receipt is complete a moment after the last token; a stopped answer has one too. */
async function fetchBundle(
  client: Client,
  answerer: Answerer,
  turn: ChatTurn,
  receiptId: string,
  change: (patch: Partial<ChatTurn>) => void,
): Promise<void> {
  let receiptError: unknown
  for (let attempt = 0; attempt < 6; attempt++) {
    try {
      const bundle = await answerer.receipt(client, turn, receiptId)
      await keepBundle(receiptId, bundle)
      return change({ bundle })
    } catch (error) {
      receiptError = error
    }
    await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt))
  }
  change({ receiptError })
}

function toMessages(turns: readonly ChatTurn[], question: string): Message[] {
  const before = turns.filter(({ answer }) => answer !== '').slice(-turnsSentMax)
  const history = before.flatMap((turn): Message[] => [
    { role: 'user', content: turn.question },
    { role: 'assistant', content: turn.answer },
  ])
  return [...history, { role: 'user', content: question }]
}
