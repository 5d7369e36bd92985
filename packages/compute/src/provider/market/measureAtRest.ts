/** A measurement gives way to customers: beside it their answers would be slower, and its figures wrong. Spec: MARKET §3.4 */
import { AbortedError, type Clock } from '@weightless/env'

/** How long a customer's job stands beside a measurement at most. */
const lookMs = 20

/** @param measure - ends early by its signal, which is aborted when `stop` is, and when the provider is busy */
export async function measureAtRest<Result>(
  { clock, stop, isBusy }: { clock: Clock; stop: AbortSignal; isBusy(): boolean },
  measure: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const [busy, over] = [new AbortController(), new AbortController()]
  const watch = async () => {
    while (!over.signal.aborted && !isBusy()) await clock.sleep(lookMs, over.signal).catch(() => undefined)
    if (!over.signal.aborted) busy.abort(new AbortedError())
  }
  const watched = watch()
  try {
    return await measure(AbortSignal.any([stop, busy.signal]))
  } finally {
    over.abort(new AbortedError())
    await watched
  }
}
