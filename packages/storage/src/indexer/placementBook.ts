/**
 * The newest placement of every file, durable, answered from memory. Whoever wants to replace one must show most of its
 * holders again, so that strangers' keys cannot take a file away from its nodes. Spec: storage §12.
 */
import { accept, bytesEqual, bytesToText, type Hex, reject, textToBytes, type Verdict } from '@weightless/codec'
import type { KeyValue } from '@weightless/store'
import {
  placementDigest,
  placementStage,
  readPlacement,
  type SignedPlacement,
  supersedes,
  vouching,
} from '../wire/index.ts'

export type PlacementFault =
  | 'placement-malformed'
  | 'placement-signature-wrong'
  | 'placement-misnamed'
  | 'placement-network-wrong'
  | 'placement-open'
  | 'holders-unknown'
  | 'holders-replaced'
  | 'version-old'
  | 'sizes-exhausted'

export type PlacementBook = {
  /** Placements of a root, one for each size that files of it were submitted with. */
  find(root: Hex): SignedPlacement[]
  /** Takes a record that came from a network; resolves when it is durable. */
  put(root: Hex, json: unknown): Promise<Verdict<SignedPlacement, PlacementFault>>
  count(): number
  /** Lets go of a file whose payment has run out; durable when it resolves. */
  forget(root: Hex, sizeBytes: number): Promise<void>
}

export type BookOptions = {
  keyValue: KeyValue
  chainId: number
  /** Whether a node is of this network; only placements that such nodes signed are kept. */
  isKnown(nodeId: Hex): boolean
}

/** Anybody may submit a root with a size that is not its file's; so many are kept for one root. */
const sizesMax = 8
const keyOf = (root: Hex): string => `placement/${root}`

export function openPlacementBook({ keyValue, chainId, isKnown }: BookOptions): PlacementBook {
  const find = (root: Hex): SignedPlacement[] => {
    const value = keyValue.get(keyOf(root))
    return value ? (JSON.parse(bytesToText(value)) as SignedPlacement[]) : []
  }

  /** Two placements of one root are weighed one after the other. */
  const turns = new Map<Hex, Promise<void>>()

  function weigh(root: Hex, json: unknown): Verdict<SignedPlacement, PlacementFault> {
    const read = readPlacement(json)
    if (!read.ok) return read
    const placement = read.value
    if (placement.root !== root) return reject('placement-misnamed')
    if (placement.chainId !== chainId) return reject('placement-network-wrong')
    if (placementStage(placement) === 'open') return reject('placement-open')
    if (!isVouched(placement, isKnown)) return reject('holders-unknown')
    const others = find(root)
    const old = others.find(({ sizeBytes }) => sizeBytes === placement.sizeBytes)
    if (!old) return others.length < sizesMax ? accept(placement) : reject('sizes-exhausted')
    if (bytesEqual(placementDigest(old), placementDigest(placement))) return accept(mergeSignatures(old, placement))
    if (!supersedes(placement, old)) return reject('version-old', `version ${old.version} is known`)
    const count = vouching(placement, old)
    return count >= old.dataRows ? accept(placement) : reject('holders-replaced', `${count} of ${old.dataRows}`)
  }

  async function take(root: Hex, json: unknown): Promise<Verdict<SignedPlacement, PlacementFault>> {
    const verdict = weigh(root, json)
    if (!verdict.ok) return verdict
    const others = find(root).filter(({ sizeBytes }) => sizeBytes !== verdict.value.sizeBytes)
    await keyValue.put(keyOf(root), textToBytes(JSON.stringify([...others, verdict.value])))
    return verdict
  }

  async function drop(root: Hex, sizeBytes: number): Promise<void> {
    const known = find(root)
    const kept = known.filter((placement) => placement.sizeBytes !== sizeBytes)
    if (kept.length === known.length) return
    await keyValue.batch([
      { key: keyOf(root), value: kept.length === 0 ? undefined : textToBytes(JSON.stringify(kept)) },
    ])
  }

  function inTurn<Value>(root: Hex, run: () => Promise<Value>): Promise<Value> {
    const before = turns.get(root) ?? Promise.resolve()
    const turn = before.then(run)
    const settled = turn.then(
      () => undefined,
      () => undefined,
    )
    turns.set(root, settled)
    void settled.then(() => turns.get(root) === settled && turns.delete(root))
    return turn
  }

  return {
    find,
    count: () => keyValue.size(),
    put: (root, json) => inTurn(root, () => take(root, json)),
    forget: (root, sizeBytes) => inTurn(root, () => drop(root, sizeBytes)),
  }
}

/** As many holders as make a placement accepted must be nodes of the network. */
function isVouched({ holders, signatures, dataRows, parityRows }: SignedPlacement, isKnown: (id: Hex) => boolean) {
  const vouching = holders.filter((holder, row) => signatures[row] && isKnown(holder)).length
  return vouching >= dataRows + Math.ceil(parityRows / 2)
}

function mergeSignatures(old: SignedPlacement, placement: SignedPlacement): SignedPlacement {
  return { ...placement, signatures: placement.signatures.map((one, row) => one ?? old.signatures[row] ?? null) }
}
