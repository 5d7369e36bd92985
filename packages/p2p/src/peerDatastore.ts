/**
 * The one store that libp2p's parts write into: what is known of peers, bounded, and the DHT's provider records, which go
 * to the provider table (libp2p's own memory store looks at every key for each question). Spec: p2p §3.
 */
import { NotFoundError, type PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Hex } from '@weightless/codec'
import { BaseDatastore } from 'datastore-core'
import { Key, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { nodeIdOf, peerIdOf, rootOfKey } from './peerNames.ts'
import type { ProviderTable } from './providerTable.ts'

export class PeerDatastore extends BaseDatastore {
  readonly #entries = new Map<string, Uint8Array>()
  readonly #providers: ProviderTable
  readonly #ownKey: string

  constructor(self: PeerId, providers: ProviderTable) {
    super()
    this.#providers = providers
    this.#ownKey = peerKey(self)
  }

  override put(key: Key, value: Uint8Array): Key {
    const name = key.toString()
    if (name.startsWith(providerPrefix)) {
      const { root, nodeId } = readProviderKey(name)
      if (root && nodeId) this.#providers.add(root, nodeId)
      return key
    }
    this.#entries.delete(name)
    if (this.#entries.size >= entriesMax) this.#dropOldest()
    this.#entries.set(name, value)
    return key
  }

  override get(key: Key): Uint8Array {
    const value = this.#entries.get(key.toString())
    // libp2p knows absence by the name of this error.
    if (!value) throw new NotFoundError()
    return value
  }

  override has(key: Key): boolean {
    return this.#entries.has(key.toString())
  }

  override delete(key: Key): void {
    const name = key.toString()
    if (!name.startsWith(providerPrefix)) this.#entries.delete(name)
    const { root, nodeId } = readProviderKey(name)
    if (root && nodeId) this.#providers.remove(root, nodeId)
  }

  override query(query: Query): Generator<Pair> | AsyncGenerator<Pair> {
    return query.prefix?.startsWith(providerPrefix) ? this.#holdersOf(query.prefix) : super.query(query)
  }

  override async *_all(): AsyncGenerator<Pair> {
    for (const [name, value] of [...this.#entries]) yield { key: new Key(name), value }
  }

  override async *_allKeys(_query: KeyQuery): AsyncGenerator<Key> {
    for (const name of [...this.#entries.keys()]) yield new Key(name)
  }

  /** Only holders whose addresses are known: the DHT's answer fails as a whole at one that it cannot describe. */
  *#holdersOf(prefix: string): Generator<Pair> {
    const { root } = readProviderKey(prefix)
    if (!root) return
    for (const nodeId of this.#providers.holders(root)) {
      const peerId = peerIdOf(nodeId)
      if (!this.#entries.has(peerKey(peerId))) continue
      yield { key: new Key(`${providerPrefix}/${prefix.split('/')[3]}/${peerId}`), value: unknownTime }
    }
  }

  #dropOldest(): void {
    for (const name of this.#entries.keys()) {
      if (name === this.#ownKey) continue
      this.#entries.delete(name)
      return
    }
  }
}

function peerKey(peerId: PeerId): string {
  return `/peers/${peerId.toCID()}`
}

/** `/dht/provider/<multihash in base 32>/<peer id>`; the last part may be missing. */
function readProviderKey(name: string): { root: Hex | undefined; nodeId: Hex | undefined } {
  const [, , , hash = '', peer] = name.split('/')
  try {
    return {
      root: rootOfKey(base32.baseDecode(hash)),
      nodeId: peer === undefined ? undefined : nodeIdOf(peerIdFromString(peer)),
    }
  } catch {
    // Keys of other kinds of content, and names that are none: there is nothing of ours in them.
    return { root: undefined, nodeId: undefined }
  }
}

const providerPrefix = '/dht/provider'
const entriesMax = 16_384
/** The table keeps the times itself. */
const unknownTime = new Uint8Array([0])
