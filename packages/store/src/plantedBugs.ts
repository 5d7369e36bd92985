/**
 * Bugs that tests plant to prove that the simulator finds them. Nothing but tests and `sim/` may plant one; in production
 * the set is empty and each check costs one look-up.
 */
export type PlantedBug =
  /** `sync` says done without asking the disk. */
  | 'skip-fsync'
  /** Data is written after the flush that was to make it durable. */
  | 'swap-write-order'
  /** The key-value map drops its log before the snapshot that replaces it is in place. */
  | 'swap-snapshot-order'
  /** A torn tail is left where it is and written behind. */
  | 'ignore-torn-tail'
  /** A new file is used before the folder that names it is durable. */
  | 'skip-folder-sync'
  /** A file of records is emptied before the copies of what is wanted are durable. */
  | 'drop-before-sync'
  /** A record's removal is told before it is durable. */
  | 'forget-removal'
  /** A holder of fragments believes what it is sent. */
  | 'skip-fragment-check'
  /** Checksums are not looked at when a record is read. */
  | 'ignore-rot'

const planted = new Set<string>()

/** Plants a bug until the returned function is called. */
export function plantBug(bug: string): () => void {
  planted.add(bug)
  return () => planted.delete(bug)
}

export function isPlanted(bug: string): boolean {
  return planted.has(bug)
}
