/** What `GET /locate/{root}` answers: all that a reader needs to know, in one question. Spec: storage §12. */
import type { NodeRecord } from './nodeRecord.ts'
import type { SignedPlacement } from './placement.ts'

/** The placements of a root, one for each size, and the live ones among their holders. */
export type FileLocation = { placements: SignedPlacement[]; nodes: NodeRecord[] }
