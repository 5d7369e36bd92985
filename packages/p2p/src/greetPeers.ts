/**
 * The first words on every connection: which network, which software, which record. A node of another chain or another
 * Flow is dropped and refused; one that says nothing is dropped. Spec: p2p §2.
 */
import type { Connection } from '@libp2p/interface'
import { accept, type Hex, reject, textToBytes, type Verdict } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { NodeRecord } from '@weightless/storage/wire'
import type { Host } from './createHost.ts'
import type { Exchange } from './exchange.ts'
import { isSameNetwork, type NetworkIdentity } from './networkIdentity.ts'
import { nodeIdOf } from './peerNames.ts'
import type { PeerScores } from './peerScores.ts'
import { type Questions, readJson } from './questions.ts'

export type Greeting = { version: number; agent: string; chainId: number; flowAddress: Hex; record: unknown }

export type GreetedPeer = { nodeId: Hex; agent: string; sinceMs: number; isOutbound: boolean; record: unknown }

export type GreetParts = {
  env: Pick<Env, 'clock' | 'log'>
  host: Host
  exchange: Exchange
  questions: Questions
  scores: PeerScores
  identity: NetworkIdentity
  agent: string
  record(): Promise<NodeRecord | undefined>
  onGreeted(peer: GreetedPeer): void
  signal: AbortSignal
}

export type Greetings = { get(nodeId: Hex): GreetedPeer | undefined }

export async function greetPeers(parts: GreetParts): Promise<Greetings> {
  const { env, host, exchange, questions, scores, identity, agent, signal } = parts
  const greeted = new Map<Hex, GreetedPeer>()

  async function ourGreeting(): Promise<Uint8Array> {
    const { chainId, flowAddress } = identity
    const greeting: Greeting = {
      version: protocolVersion,
      agent,
      chainId,
      flowAddress,
      record: (await parts.record()) ?? null,
    }
    return textToBytes(JSON.stringify(greeting))
  }

  function judge(nodeId: Hex, bytes: Uint8Array, isOutbound: boolean): Verdict<void, GreetingFault> {
    const read = readGreeting(bytes)
    if (!read.ok) return read
    if (read.value.version !== protocolVersion || !isSameNetwork(read.value, identity)) return reject('network-other')
    if (!greeted.has(nodeId)) {
      const peer = {
        nodeId,
        agent: read.value.agent,
        sinceMs: env.clock.nowMs(),
        isOutbound,
        record: read.value.record,
      }
      greeted.set(nodeId, peer)
      parts.onGreeted(peer)
    }
    return accept(undefined)
  }

  async function refuseLater(nodeId: Hex): Promise<void> {
    // The other side should read our answer first, and so learn that it is wrong here.
    await env.clock.sleep(200, signal)
    scores.report(nodeId, 'network-other')
  }

  async function greet(nodeId: Hex): Promise<void> {
    const answer = await exchange.ask(nodeId, questions.hello, await ourGreeting(), { signal })
    const verdict = answer.ok ? judge(nodeId, answer.value, true) : answer
    if (verdict.ok || signal.aborted) return
    env.log.debug('peer not greeted', { nodeId, code: verdict.code, detail: verdict.detail })
    if (verdict.code === 'network-other') scores.report(nodeId, 'network-other')
    else if (verdict.code === 'greeting-malformed') scores.report(nodeId, 'request-wrong')
  }

  async function awaitGreeting(nodeId: Hex, connection: Connection): Promise<void> {
    await env.clock.sleep(silenceMsMax, signal)
    if (!greeted.has(nodeId)) await connection.close()
  }

  await exchange.answer(questions.hello, async (bytes, asker) => {
    const verdict = judge(asker, bytes, false)
    if (verdict.ok) return accept(await ourGreeting())
    if (verdict.code !== 'network-other') return verdict
    refuseLater(asker).catch(() => undefined)
    return accept(await ourGreeting())
  })
  host.addEventListener('connection:open', ({ detail: connection }) => {
    const nodeId = nodeIdOf(connection.remotePeer)
    if (!nodeId || greeted.has(nodeId)) return
    const begun = connection.direction === 'outbound' ? greet(nodeId) : awaitGreeting(nodeId, connection)
    begun.catch(() => undefined)
  })
  host.addEventListener('peer:disconnect', ({ detail: peerId }) => {
    const nodeId = nodeIdOf(peerId)
    if (nodeId) greeted.delete(nodeId)
  })
  return { get: (nodeId) => greeted.get(nodeId) }
}

type GreetingFault = 'json-malformed' | 'greeting-malformed' | 'network-other'

function readGreeting(bytes: Uint8Array): Verdict<Greeting, GreetingFault> {
  const json = readJson(bytes)
  if (!json.ok) return json
  const { version, agent, chainId, flowAddress, record } = (json.value ?? {}) as Partial<Greeting>
  const isWhole =
    Number.isSafeInteger(version) &&
    Number.isSafeInteger(chainId) &&
    typeof agent === 'string' &&
    agent.length <= 64 &&
    typeof flowAddress === 'string' &&
    /^0x[0-9a-fA-F]{40}$/.test(flowAddress)
  return isWhole
    ? accept({ version: version!, agent, chainId: chainId!, flowAddress, record })
    : reject('greeting-malformed')
}

const protocolVersion = 1
const silenceMsMax = 10_000
