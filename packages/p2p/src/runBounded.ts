/** Runs a job for each item, so many at a time; ends early when called off. */
export async function runBounded<Item>(
  items: readonly Item[],
  atOnceMax: number,
  signal: AbortSignal,
  job: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < items.length && !signal.aborted) await job(items[next++]!)
  }
  await Promise.all(Array.from({ length: Math.min(atOnceMax, items.length) }, work))
}
