/** Reads content from the spool while it is there, and from the holders of its rows afterwards. Spec: storage §13. */
import { segmentBytes } from '@weightless/crypto'
import { type Content, type ContentReader, SegmentUnreadableError } from '../node/readContent.ts'
import { encodeSegmentFrame, placementStage, type SignedPlacement } from '../wire/index.ts'
import type { CodingClient, GatheredFile } from './coding.ts'
import type { NetworkView } from './networkView.ts'
import type { PlacedFiles } from './placedFiles.ts'

export type GatherParts = { spool: ContentReader; placed: PlacedFiles; view: NetworkView; coding: CodingClient }

type Opened = { placement: SignedPlacement; file: Promise<GatheredFile>; openedMs: number }

/** Files that are read again and again stay open, but not for long: their holders may have moved. */
const openMax = 64
const openMs = 10_000

export function createGatherReader(parts: GatherParts, clock: { monotonicMs(): number }): ContentReader {
  const opened = new Map<string, Opened>()

  function open(content: Content): Promise<GatheredFile> | undefined {
    const placement = parts.placed.placementOf(content)
    if (!placement) return undefined
    const known = opened.get(content.fileKey)
    if (known && known.placement === placement && clock.monotonicMs() - known.openedMs < openMs) return known.file
    const file = openGathered(parts, placement)
    opened.delete(content.fileKey)
    opened.set(content.fileKey, { placement, file, openedMs: clock.monotonicMs() })
    file.catch(() => opened.delete(content.fileKey))
    if (opened.size > openMax) opened.delete(opened.keys().next().value!)
    return file
  }

  return {
    async frame(content, index, signal) {
      const own = await parts.spool.frame(content, index)
      if (own || index >= content.shape.segments) return own
      const file = await open(content)
      if (!file) return undefined
      const frame = await file.segment(index, signal)
      return encodeSegmentFrame({ ...frame, sizeBytes: content.sizeBytes })
    },
    async *stream(content, from, to, signal) {
      // The spool may be freed in the middle: what it has given until then stands, and the rest is gathered.
      let at = from
      try {
        for await (const piece of parts.spool.stream(content, from, to)) {
          at += piece.length
          yield piece
        }
      } catch (fault) {
        if (!(fault instanceof SegmentUnreadableError)) throw fault
      }
      if (at >= to) return
      const file = await open(content)
      if (!file) throw new SegmentUnreadableError({ root: content.root, segmentIndex: Math.floor(at / segmentBytes) })
      yield* file.stream(at, to, signal)
    },
  }
}

/** With the newest placement: a repair may have moved rows since the file was first seen. */
async function openGathered({ view, coding }: GatherParts, known: SignedPlacement): Promise<GatheredFile> {
  const { placements, nodes } = await view.locate(known.root)
  const isNewer = (placement: SignedPlacement) =>
    placement.sizeBytes === known.sizeBytes &&
    placement.version > known.version &&
    placementStage(placement) === 'final'
  return coding.gather(placements.find(isNewer) ?? known, nodes)
}
