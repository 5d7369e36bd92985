/** The short questions to a holder of fragments: what it has, whether it signs, what it should know. Spec: storage §10, §12. */
import { bytesToText, type Hex, WeightlessError } from '@weightless/codec'
import type { FetchOptions, FetchResponse } from '@weightless/env'
import { type Placement, readPlacement, type SignedPlacement } from '@weightless/storage/wire'
import { joinUrl } from '../callNode.ts'
import type { TransferParts } from './transferParts.ts'

type Ask = Pick<TransferParts, 'network' | 'timeoutMs'>

/** Stripes [from, to) of one row. */
export type HeldRow = { row: number; ranges: [from: number, to: number][] }

const heldBytesMax = 16 * 1024 * 1024
const answerBytesMax = 64 * 1024
const placementsBytesMax = 1024 * 1024

/**
 * What a holder has of a file, in order; nothing when it knows none of it.
 * @throws {HolderRefusedError} {NetworkError}
 */
export async function askHeld(
  { network, timeoutMs }: Ask,
  nodeUrl: string,
  root: Hex,
  sizeBytes: number,
  signal?: AbortSignal,
): Promise<HeldRow[]> {
  const url = joinUrl(nodeUrl, `/fragments/${root}/held?sizeBytes=${sizeBytes}`)
  const response = await network.fetch(url, withSignal({ timeoutMs }, signal))
  if (response.status === 404) {
    await response.bytes(answerBytesMax)
    return []
  }
  if (response.status !== 200) throw await refusal(url, response)
  return readHeld(await response.json(heldBytesMax))
}

/** Leaves out whatever is not of the form: the worst that a lie does here is that a row is sent again, or asked for in vain. */
function readHeld(json: unknown): HeldRow[] {
  const rows = (json as { rows?: unknown } | null)?.rows
  if (!Array.isArray(rows)) return []
  return rows.flatMap((entry: { row?: unknown; ranges?: unknown } | null) => {
    if (!isCount(entry?.row) || !Array.isArray(entry.ranges)) return []
    const ranges = entry.ranges.filter((range): range is [number, number] => {
      return Array.isArray(range) && isCount(range[0]) && isCount(range[1]) && range[0] < range[1]
    })
    return [{ row: entry.row, ranges }]
  })
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/**
 * Asks a holder to sign for its row; it checks that it has all of it. The signature is not checked here.
 * @param placement `lastCommitment` is that of the last stripe, of which a holder may have no fragment; `earlier` the one that
 *   it follows, which a holder may have missed
 * @throws {HolderRefusedError} {NetworkError}
 */
export async function askSignature(
  { network, timeoutMs }: Ask,
  nodeUrl: string,
  placement: Placement & { lastCommitment?: Hex; earlier?: SignedPlacement | undefined },
  signal?: AbortSignal,
): Promise<Hex> {
  const url = joinUrl(nodeUrl, '/placement')
  const asked = sendJson('POST', placement)
  const response = await network.fetch(url, withSignal({ ...asked, timeoutMs }, signal))
  if (response.status !== 200) throw await refusal(url, response)
  const { signature } = (await response.json(answerBytesMax)) as { signature?: unknown }
  return typeof signature === 'string' ? (signature as Hex) : '0x'
}

/** Placements that a holder knows of a root; their signatures hold. @throws {HolderRefusedError} {NetworkError} */
export async function askPlacements(
  { network, timeoutMs }: Ask,
  nodeUrl: string,
  root: Hex,
  signal?: AbortSignal,
): Promise<SignedPlacement[]> {
  const url = joinUrl(nodeUrl, `/placement/${root}`)
  const response = await network.fetch(url, withSignal({ timeoutMs }, signal))
  if (response.status !== 200) throw await refusal(url, response)
  const json = await response.json(placementsBytesMax)
  return (Array.isArray(json) ? json.slice(0, 16) : []).flatMap((entry) => {
    const read = readPlacement(entry)
    return read.ok && read.value.root === root ? [read.value] : []
  })
}

/** @throws {HolderRefusedError} {NetworkError} */
export async function putPlacement(
  { network, timeoutMs }: Ask,
  nodeUrl: string,
  placement: SignedPlacement,
  signal?: AbortSignal,
): Promise<void> {
  const url = joinUrl(nodeUrl, `/placement/${placement.root}`)
  const response = await network.fetch(url, withSignal({ ...sendJson('PUT', placement), timeoutMs }, signal))
  if (response.status !== 204) throw await refusal(url, response)
  await response.bytes(answerBytesMax)
}

/** Reads the `{ code, message, facts }` of a refused request. */
export async function refusal(url: string, response: FetchResponse): Promise<HolderRefusedError> {
  const text = bytesToText(await response.bytes(answerBytesMax)).slice(0, 2_000)
  const facts = { url, status: response.status }
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown }
    return new HolderRefusedError({ ...facts, holderCode: String(code), message: String(message).slice(0, 300) })
  } catch {
    return new HolderRefusedError({ ...facts, holderCode: '', message: text.slice(0, 300) })
  }
}

export function withSignal(options: FetchOptions, signal: AbortSignal | undefined): FetchOptions {
  return signal ? { ...options, signal } : options
}

function sendJson(method: string, value: unknown): FetchOptions {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}

export class HolderRefusedError extends WeightlessError {
  declare readonly facts: { url: string; status: number; holderCode: string; message: string }
  constructor(facts: { url: string; status: number; holderCode: string; message: string }) {
    super('blobs/holder-refused', 'A holder refused a request.', facts)
  }
}
