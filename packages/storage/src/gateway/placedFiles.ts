/** The placements of the files that a gateway is asked about: a file is final when all its holders have signed. Spec: storage §12. */
import type { Hex } from '@weightless/codec'
import { fileShape } from '@weightless/crypto'
import type { FinalFiles } from '../node/finalFiles.ts'
import type { Submission } from '../node/submission.ts'
import { placementStage, type SignedPlacement } from '../wire/index.ts'
import type { NetworkView } from './networkView.ts'

export type PlacedFiles = FinalFiles & {
  /** The final placement of a submission's content, as far as it is known. */
  placementOf(submission: Pick<Submission, 'root' | 'shape'>): SignedPlacement | undefined
  /** Forgets what is known of a root, so that the next look asks again. */
  forget(root: Hex): void
}

type Known = { placements: SignedPlacement[]; asking: Promise<void> | undefined }

const rootsMax = 4_096

export function createPlacedFiles(view: NetworkView): PlacedFiles {
  const roots = new Map<Hex, Known>()

  async function ask(root: Hex, entry: Known): Promise<void> {
    const { placements } = await view.locate(root)
    entry.placements = placements.filter((placement) => placementStage(placement) === 'final')
  }

  function remember(root: Hex): Known {
    const known = roots.get(root)
    if (known) {
      // The map is in order of use: the first entry is the one that nobody asked for longest.
      roots.delete(root)
      roots.set(root, known)
      return known
    }
    const entry: Known = { placements: [], asking: undefined }
    roots.set(root, entry)
    if (roots.size > rootsMax) roots.delete(roots.keys().next().value!)
    return entry
  }

  const placementOf: PlacedFiles['placementOf'] = ({ root, shape }) =>
    shape && roots.get(root)?.placements.find(({ sizeBytes }) => fileShape(sizeBytes).sectors === shape.sectors)

  return {
    placementOf,
    has: (submission) => placementOf(submission) !== undefined,
    async look(root) {
      const entry = remember(root)
      if (entry.placements.length > 0) return
      entry.asking ??= ask(root, entry).finally(() => {
        entry.asking = undefined
      })
      await entry.asking
    },
    forget: (root) => void roots.delete(root),
  }
}
