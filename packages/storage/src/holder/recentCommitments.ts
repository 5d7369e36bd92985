/** Commitments of stripes whose fragments were checked lately, so that signing a placement need not read the whole row again. */

export type RecentCommitments = {
  note(fileKey: string, stripe: number, commitment: Uint8Array): void
  find(fileKey: string, stripe: number): Uint8Array | undefined
  /** Of one stripe, or of the whole file. */
  forget(fileKey: string, stripe?: number): void
}

/** Some 10 MiB; the files that were begun first are forgotten first. */
const commitmentsMax = 65_536

export function createRecentCommitments(): RecentCommitments {
  const files = new Map<string, Map<number, Uint8Array>>()
  let count = 0

  function forget(fileKey: string, stripe?: number): void {
    const known = files.get(fileKey)
    if (!known) return
    if (stripe !== undefined) {
      if (known.delete(stripe)) count--
      return
    }
    files.delete(fileKey)
    count -= known.size
  }

  return {
    forget,
    find: (fileKey, stripe) => files.get(fileKey)?.get(stripe),
    note(fileKey, stripe, commitment) {
      const known = files.get(fileKey) ?? new Map<number, Uint8Array>()
      files.set(fileKey, known)
      if (!known.has(stripe)) count++
      known.set(stripe, commitment)
      while (count > commitmentsMax) forget(files.keys().next().value!)
    },
  }
}
