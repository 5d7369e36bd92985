/** Runs the same step for many indices, a bounded number at a time; the first failure ends it. */

export async function runParallel(
  indices: readonly number[],
  parallelMax: number,
  step: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  let failed = false
  async function work(): Promise<void> {
    while (next < indices.length && !failed) {
      const index = indices[next++]!
      try {
        await step(index)
      } catch (fault) {
        failed = true
        throw fault
      }
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: Math.min(parallelMax, indices.length) }, work))
  const broken = workers.find((outcome) => outcome.status === 'rejected')
  if (broken) throw broken.reason
}
