/** Has a storage node copy itself while it runs, and waits until the copy is whole. Spec: storage §14. */
import { callNode } from '@weightless/blobs'
import { WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { SnapshotJson } from '@weightless/storage/wire'

export type TakeSnapshotOptions = {
  env: Pick<Env, 'clock' | 'network'>
  nodeUrl: string
  name: string
  onProgress?(progress: SnapshotJson): void
  signal?: AbortSignal
  /** Without a byte copied for so long it is given up; default 60 s. The node goes on copying. */
  stallMs?: number
}

const pollMs = 250

/** @throws {SnapshotFailedError} {NodeRefusedError} {NetworkError} {AbortedError} */
export async function takeSnapshot(options: TakeSnapshotOptions): Promise<SnapshotJson> {
  const { env, nodeUrl, name, onProgress, signal, stallMs = 60_000 } = options
  const ask = <Result>(method: string) =>
    callNode<Result>(env.network, nodeUrl, method, [name], signal ? { signal } : {})
  let known = await ask<SnapshotJson>('admin_createSnapshot')
  let movedMs = env.clock.monotonicMs()
  while (known.state === 'running') {
    onProgress?.(known)
    if (env.clock.monotonicMs() - movedMs > stallMs) throw new SnapshotFailedError({ name, reason: 'it stands still' })
    await env.clock.sleep(pollMs, signal)
    const next = await ask<SnapshotJson | null>('admin_getSnapshot')
    if (!next) throw new SnapshotFailedError({ name, reason: 'the node does not know it any more' })
    if (next.bytes > known.bytes || next.state !== 'running') movedMs = env.clock.monotonicMs()
    known = next
  }
  if (known.state === 'failed') throw new SnapshotFailedError({ name, reason: known.reason ?? 'no reason given' })
  return known
}

export class SnapshotFailedError extends WeightlessError {
  constructor(facts: { name: string; reason: string }) {
    super('node/snapshot-failed', 'The snapshot was not taken.', facts, {
      hint: 'The node goes on as it was. Take it again when the reason is gone.',
    })
  }
}
