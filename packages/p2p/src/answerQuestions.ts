/** This node's answers to what others ask, and its own questions with the answers checked. Spec: p2p §5. */
import { accept, bytesToHex, type Hex, hexToBytes, reject, textToBytes, type Verdict } from '@weightless/codec'
import { type NodeRecord, readPlacement, type SignedPlacement } from '@weightless/storage/wire'
import type { Exchange } from './exchange.ts'
import type { NodeView } from './nodeView.ts'
import type { AskFault, AskOptions } from './peerNetwork.ts'
import type { PeerScores } from './peerScores.ts'
import type { ProviderTable } from './providerTable.ts'
import { decodeAnnouncement, encodeAnnouncement, type Questions, readJson } from './questions.ts'

export type AnswerParts = {
  exchange: Exchange
  questions: Questions
  providers: ProviderTable
  view: NodeView
  record(): Promise<NodeRecord | undefined>
  placementOf(root: Hex): Promise<SignedPlacement | undefined>
}

export async function answerQuestions(parts: AnswerParts): Promise<void> {
  const { exchange, questions, providers, view, record, placementOf } = parts
  await exchange.answer(questions.announce, async (bytes, asker) => {
    const read = decodeAnnouncement(bytes)
    if (!read.ok) return read
    const note = read.value.isWithdrawn ? providers.remove : providers.add
    for (const root of read.value.roots) note(root, asker)
    return accept(new Uint8Array())
  })
  await exchange.answer(questions.record, async () => {
    const own = await record()
    return accept(own && toBytes(own))
  })
  await exchange.answer(questions.nodes, async () => {
    const own = await record()
    return accept(toBytes([...(own ? [own] : []), ...view.list().slice(-nodesToldMax)]))
  })
  await exchange.answer(questions.placement, async (bytes) => {
    if (bytes.length !== 32) return reject('root-malformed')
    const placement = await placementOf(bytesToHex(bytes))
    return accept(placement && toBytes(placement))
  })
}

export type Asker = {
  announce(nodeId: Hex, roots: Hex[], isWithdrawn: boolean, options: AskOptions): Promise<boolean>
  record(nodeId: Hex, options: AskOptions): Promise<NodeRecord | undefined>
  /** Takes in the nodes that another one knows. */
  nodes(nodeId: Hex, options: AskOptions): Promise<void>
  placement(nodeId: Hex, root: Hex, options?: AskOptions): Promise<Verdict<SignedPlacement, AskFault>>
}

export function createAsker(exchange: Exchange, questions: Questions, view: NodeView, scores: PeerScores): Asker {
  return {
    async announce(nodeId, roots, isWithdrawn, options) {
      return (await exchange.ask(nodeId, questions.announce, encodeAnnouncement({ isWithdrawn, roots }), options)).ok
    },
    async record(nodeId, options) {
      const answer = await exchange.ask(nodeId, questions.record, new Uint8Array(), options)
      const json = answer.ok ? readJson(answer.value) : answer
      if (!json.ok) return undefined
      const verdict = view.admit(json.value)
      if (!verdict.ok && verdict.action !== 'ignore') scores.report(nodeId, 'record-wrong')
      return view.get(nodeId)
    },
    async nodes(nodeId, options) {
      const answer = await exchange.ask(nodeId, questions.nodes, new Uint8Array(), options)
      const json = answer.ok ? readJson(answer.value) : answer
      if (!json.ok || !Array.isArray(json.value)) return
      for (const claimed of json.value.slice(0, nodesToldMax + 1)) {
        const verdict = view.admit(claimed)
        if (verdict.ok || verdict.action === 'ignore') continue
        // One lie is enough: the rest of the list is worth nothing.
        return scores.report(nodeId, 'record-wrong')
      }
    },
    async placement(nodeId, root, options) {
      const answer = await exchange.ask(nodeId, questions.placement, hexToBytes(root), options)
      if (!answer.ok) return answer
      const json = readJson(answer.value)
      const verdict = json.ok ? readPlacement(json.value) : json
      if (verdict.ok && verdict.value.root === root) return verdict
      scores.report(nodeId, 'record-wrong')
      return { ok: false, code: 'malformed', action: 'ban', detail: verdict.ok ? 'of another root' : verdict.code }
    },
  }
}

function toBytes(value: unknown): Uint8Array {
  return textToBytes(JSON.stringify(value))
}

/** About 600 bytes each. */
const nodesToldMax = 256
