/**
 * The placements that this node has a part in: it signs one when its whole row is durable here and belongs to the coding
 * root, never two of one version, and keeps the newest that others show it. Spec: storage §12.
 */
import {
  accept,
  bytesEqual,
  bytesToHex,
  bytesToText,
  type Hex,
  reject,
  textToBytes,
  type Verdict,
} from '@weightless/codec'
import { codingRoot, stripeCommitment } from '@weightless/coder'
import type { FileShape } from '@weightless/crypto'
import {
  decodeFragmentFrame,
  type Placement,
  placementDigest,
  placementStage,
  readPlacement,
  type SignedPlacement,
  signPlacement,
  stripesOf,
} from '../wire/index.ts'
import type { SubmissionWatch } from './awaitSubmission.ts'
import { type FragmentStore, fragmentsOf, type HeldFile, isSameRow } from './fragmentStore.ts'

export type KeeperParts = {
  nodeId: Hex
  secretKey: Uint8Array
  chainId: number
  fragments: FragmentStore
  submissions: SubmissionWatch
  /** A placement is new here. */
  onPlaced?(placement: SignedPlacement): void
}

export type SignFault =
  | 'placement-malformed'
  | 'placement-signature-wrong'
  | 'not-a-holder'
  | 'submission-unknown'
  | 'version-old'
  | 'fragments-missing'
  | 'coding-root-wrong'
  | 'holders-replaced'

export type PlacementKeeper = {
  /** Signs what a writer or a repairer proposes, once it is true here. */
  sign(json: unknown, signal: AbortSignal): Promise<Verdict<{ nodeId: Hex; row: number; signature: Hex }, SignFault>>
  /** Keeps a signed placement that is newer than the one known; resolves when it is durable. */
  put(root: Hex, json: unknown, signal: AbortSignal): Promise<Verdict<SignedPlacement, SignFault>>
  find(root: Hex): SignedPlacement[]
  get(root: Hex, sizeBytes: number): SignedPlacement | undefined
  /** Whether the newest placement of a file gives this node this row. */
  isPlaced(file: Pick<HeldFile, 'root' | 'sizeBytes' | 'dataRows' | 'parityRows' | 'row'>): boolean
  /** In the order of roots, behind `after` (the key of the last one seen). */
  list(limit: number, after?: string): { key: string; placement: SignedPlacement }[]
  forget(root: Hex, sizeBytes: number): Promise<void>
  /** Forgets all about a file whose payment has run out, what was signed too: when it is paid anew its versions begin anew. */
  expire(root: Hex, sizeBytes: number): Promise<void>
  /** Highest version that this node has signed of a file; 0 when none. */
  signedVersion(root: Hex, sizeBytes: number): number
}

const prefix = 'own/placement/'
const signedPrefix = 'own/signed/'
const nameOf = (root: Hex, sizeBytes: number): string => `${root}/${sizeBytes.toString(16).padStart(13, '0')}`

export function keepPlacements(parts: KeeperParts): PlacementKeeper {
  const { nodeId, fragments } = parts
  const { own } = fragments.records

  const get = (root: Hex, sizeBytes: number): SignedPlacement | undefined => {
    const value = own.get(prefix + nameOf(root, sizeBytes))
    return value && (JSON.parse(bytesToText(value)) as SignedPlacement)
  }
  const find = (root: Hex) => own.list(`${prefix}${root}/`, sizesMax).map(({ value }) => parse(value))
  const signed = (root: Hex, sizeBytes: number): { version: number; digest: Hex } => {
    const value = own.get(signedPrefix + nameOf(root, sizeBytes))
    return value ? JSON.parse(bytesToText(value)) : { version: 0, digest: '0x' }
  }

  return {
    find,
    get,
    signedVersion: (root, sizeBytes) => signed(root, sizeBytes).version,
    isPlaced: ({ root, sizeBytes, dataRows, parityRows, row }) =>
      [get(root, sizeBytes), ...find(root)].some(
        (placement) =>
          placement?.dataRows === dataRows && placement.parityRows === parityRows && placement.holders[row] === nodeId,
      ),
    list: (limit, after) =>
      own.list(prefix, limit, after === undefined ? undefined : prefix + after).map(({ key, value }) => ({
        key: key.slice(prefix.length),
        placement: parse(value),
      })),
    async forget(root, sizeBytes) {
      own.set(prefix + nameOf(root, sizeBytes), undefined)
      await own.flush()
    },
    async expire(root, sizeBytes) {
      const keys = [prefix, signedPrefix].map((start) => start + nameOf(root, sizeBytes))
      const known = keys.filter((key) => own.get(key) !== undefined)
      for (const key of known) own.set(key, undefined)
      if (known.length > 0) await own.flush()
    },
    async sign(json, signal) {
      const proposal = await checkProposal(parts, json, signal)
      if (!proposal.ok) return proposal
      const { placement, row } = proposal.value
      const digest = bytesToHex(placementDigest(placement))
      const before = signed(placement.root, placement.sizeBytes)
      const known = Math.max(before.version, get(placement.root, placement.sizeBytes)?.version ?? 0)
      const isAgain = placement.version === before.version && digest === before.digest
      if (!isAgain && placement.version <= known) return reject('version-old', `version ${known} is known`)
      own.set(
        signedPrefix + nameOf(placement.root, placement.sizeBytes),
        textToBytes(JSON.stringify({ version: placement.version, digest })),
      )
      await own.flush()
      return accept({ nodeId, row, signature: signPlacement(placement, parts.secretKey) })
    },
    async put(root, json, signal) {
      const read = readPlacement(json)
      if (!read.ok) return read
      const placement = read.value
      if (placement.root !== root || placement.chainId !== parts.chainId) return reject('placement-malformed', 'root')
      // Only what was paid for is kept, so that nobody fills the disk with records.
      if (!(await parts.submissions.find(root, placement.sizeBytes, signal))) return reject('submission-unknown')
      const old = get(root, placement.sizeBytes)
      const weighed = weigh(parts, placement, old)
      if (!weighed.ok) return weighed
      // Neighbours tell what is known again and again.
      if (old && JSON.stringify(old) === JSON.stringify(weighed.value)) return weighed
      own.set(prefix + nameOf(root, placement.sizeBytes), textToBytes(JSON.stringify(weighed.value)))
      await own.flush()
      parts.onPlaced?.(weighed.value)
      return weighed
    },
  }
}

/** Sizes of one root that are looked at; anybody may submit a root with a size that is not its file's. */
const sizesMax = 8

const parse = (value: Uint8Array): SignedPlacement => JSON.parse(bytesToText(value)) as SignedPlacement

/** Whether a placement that somebody shows is to be believed and kept. */
function weigh(
  { nodeId }: KeeperParts,
  placement: SignedPlacement,
  old: SignedPlacement | undefined,
): Verdict<SignedPlacement, SignFault> {
  if (placementStage(placement) === 'open') return reject('placement-malformed', 'too few signatures')
  const row = placement.holders.indexOf(nodeId)
  if (old && bytesEqual(placementDigest(old), placementDigest(placement))) {
    return accept({
      ...placement,
      signatures: placement.signatures.map((one, at) => one ?? old.signatures[at] ?? null),
    })
  }
  if (old && placement.version <= old.version) return reject('version-old', `version ${old.version} is known`)
  // Our own signature cannot be made by others; without it, most of the holders that we know must have signed.
  if (row >= 0 && placement.signatures[row] !== null) return accept(placement)
  if (!old) return row >= 0 ? accept(placement) : reject('not-a-holder')
  const vouching = placement.holders.filter((holder, at) => placement.signatures[at] && old.holders.includes(holder))
  return vouching.length >= old.dataRows ? accept(placement) : reject('holders-replaced', `${vouching.length} vouch`)
}

async function checkProposal(
  { nodeId, chainId, fragments, submissions }: KeeperParts,
  json: unknown,
  signal: AbortSignal,
): Promise<Verdict<{ placement: Placement; row: number }, SignFault>> {
  const { holders, lastCommitment } = (json ?? {}) as { holders?: unknown; lastCommitment?: unknown }
  const blank = Array.isArray(holders) ? holders.map(() => null) : []
  const read = readPlacement({ ...(json as object), signatures: blank })
  if (!read.ok) return read
  const { signatures: _, ...placement } = read.value
  if (placement.chainId !== chainId) return reject('placement-malformed', 'chainId')
  const row = placement.holders.indexOf(nodeId)
  if (row < 0) return reject('not-a-holder')
  const { root, sizeBytes, dataRows, parityRows } = placement
  const submission = await submissions.find(root, sizeBytes, signal)
  if (!submission?.shape) return reject('submission-unknown')
  const { shape, fileKey } = submission
  const wanted = { fileKey, dataRows, parityRows, row }
  const file = fragments.file(fileKey)
  const isHere = fragmentsOf(shape, dataRows, row) === 0 || (file && isSameRow(file, wanted))
  if (!isHere || !fragments.isWhole(wanted, shape)) return reject('fragments-missing')
  const last = typeof lastCommitment === 'string' ? lastCommitment : undefined
  const isRight = await isCodingRoot(fragments, placement, { fileKey, shape, row }, last)
  return isRight ? accept({ placement, row }) : reject('coding-root-wrong')
}

/**
 * Whether the commitments of our fragments make the coding root. A data row that the last stripe does not have needs that
 * stripe's commitment from the writer; without it, the holders of all other rows are those that check.
 */
async function isCodingRoot(
  fragments: FragmentStore,
  placement: Placement,
  { fileKey, shape, row }: { fileKey: string; shape: FileShape; row: number },
  lastCommitment: string | undefined,
): Promise<boolean> {
  const { dataRows, sizeBytes } = placement
  const stripes = stripesOf(shape, dataRows)
  const own = fragmentsOf(shape, dataRows, row)
  if (own < stripes && !/^0x[0-9a-f]{64}$/.test(lastCommitment ?? '')) return true
  const commitments: (Uint8Array | undefined)[] = []
  for (let from = 0; from < own; from += readAtOnce) {
    const count = Math.min(readAtOnce, own - from)
    const some = Array.from({ length: count }, (_, at) => readCommitment(fragments, fileKey, from + at, sizeBytes))
    commitments.push(...(await Promise.all(some)))
  }
  if (own < stripes) commitments.push(Buffer.from(lastCommitment!.slice(2), 'hex'))
  const known = commitments.filter((each) => each !== undefined)
  return known.length === stripes && bytesToHex(codingRoot(known)) === placement.codingRoot
}

const readAtOnce = 16

async function readCommitment(
  fragments: FragmentStore,
  fileKey: string,
  stripe: number,
  sizeBytes: number,
): Promise<Uint8Array | undefined> {
  const recent = fragments.recent.find(fileKey, stripe)
  if (recent) return recent
  const bytes = await fragments.read(fileKey, stripe, sizeBytes)
  const frame = bytes && decodeFragmentFrame(bytes)
  return frame?.ok ? stripeCommitment(frame.value) : undefined
}
