/**
 * Announcements: every one is signed by its author, bounded, judged before it is passed on, and delivered once. What fails
 * costs the peer that passed it on, because that peer should have judged it too. Spec: p2p §4.
 */
import type { Message } from '@libp2p/gossipsub'
import { TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import type { Hex, Verdict } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { Host } from './createHost.ts'
import { decodeEnvelope, encodeEnvelope, gossipBytesMax } from './gossipEnvelope.ts'
import type { ProtocolNames } from './networkIdentity.ts'
import { nodeIdOf } from './peerNames.ts'
import type { GossipListener, GossipPayloads, GossipTopic } from './peerNetwork.ts'
import type { PeerScores } from './peerScores.ts'
import type { RateLimits } from './rateLimits.ts'

export type Judge<Topic extends GossipTopic> = (payload: unknown, from: Hex) => Verdict<GossipPayloads[Topic]>

export type Judges = { readonly [Topic in GossipTopic]: Judge<Topic> }

export type Gossip = {
  publish<Topic extends GossipTopic>(topic: Topic, payload: GossipPayloads[Topic]): Promise<void>
  on<Topic extends GossipTopic>(topic: Topic, listener: GossipListener<Topic>): () => void
}

export type GossipParts = {
  env: Pick<Env, 'clock' | 'log'>
  host: Host
  names: ProtocolNames
  scores: PeerScores
  limits: RateLimits
  judges: Judges
}

export const gossipTopics: readonly GossipTopic[] = ['node-record', 'placement', 'file-new', 'shard-change']

/** Subscribes to every topic. */
export function openGossip({ env, host, names, scores, limits, judges }: GossipParts): Gossip {
  const { gossip } = host.services
  const listeners = new Map<GossipTopic, Set<GossipListener<GossipTopic>>>(gossipTopics.map((key) => [key, new Set()]))

  function validate(topic: GossipTopic, propagator: PeerId, message: Message): TopicValidatorResult {
    const sender = nodeIdOf(propagator)
    const from = message.type === 'signed' ? nodeIdOf(message.from) : undefined
    if (!sender || !from) return TopicValidatorResult.Reject
    if (scores.isRefused(sender) || scores.isRefused(from)) return TopicValidatorResult.Ignore
    if (!limits.admit(sender, topic, messagesPerPeer)) {
      scores.report(sender, 'rate-exceeded')
      return TopicValidatorResult.Ignore
    }
    const opened = decodeEnvelope(message.data, bytesMax[topic], env.clock.nowMs())
    const verdict = opened.ok ? judges[topic](opened.value, from) : opened
    if (verdict.ok) {
      deliver(topic, verdict.value, from)
      // Neighbours' news is for neighbours: never passed on.
      return topic === 'file-new' ? TopicValidatorResult.Ignore : TopicValidatorResult.Accept
    }
    if (verdict.action === 'ignore') return TopicValidatorResult.Ignore
    env.log.debug('announcement refused', { topic, sender, from, code: verdict.code })
    scores.report(sender, 'gossip-wrong')
    return TopicValidatorResult.Reject
  }

  function deliver(topic: GossipTopic, payload: GossipPayloads[GossipTopic], from: Hex): void {
    for (const listener of listeners.get(topic)!) {
      try {
        listener(payload, from)
      } catch (fault) {
        env.log.error('listener failed', { topic, reason: String(fault) })
      }
    }
  }

  for (const topic of gossipTopics) {
    gossip.topicValidators.set(names.topic(topic), (peer, message) => validate(topic, peer, message))
    gossip.subscribe(names.topic(topic))
  }
  return {
    async publish(topic, payload) {
      await gossip.publish(names.topic(topic), encodeEnvelope(payload, env.clock.nowMs()))
    },
    on(topic, listener) {
      const set = listeners.get(topic)!
      set.add(listener as GossipListener<GossipTopic>)
      return () => set.delete(listener as GossipListener<GossipTopic>)
    },
  }
}

const bytesMax: { readonly [Topic in GossipTopic]: number } = {
  'node-record': 8_192,
  placement: gossipBytesMax,
  'file-new': 1_024,
  'shard-change': 8_192,
}
/** Of one topic from one neighbour, who passes on what many others say. */
const messagesPerPeer = { count: 1_024, windowMs: 10_000 }
