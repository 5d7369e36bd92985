/**
 * A scripted flow whose chain reorganises: its last blocks go, and what was in them comes back in another order, so at other
 * places of the flow and under other numbers. To whoever watches it says so as a chain does.
 */
import type { FileTree } from '@weightless/crypto'
import type { FlowSource } from '@weightless/storage/node/flowSource'
import { createScriptedFlow, type ScriptedFlow } from '../../packages/storage/src/testing/scriptedFlow.ts'

type Submitted = Pick<FileTree, 'nodes' | 'root'> & { shape: { sizeBytes: number } }

export type MovingFlow = {
  source: FlowSource
  submit(file: Submitted): void
  /** Where a file begins in the flow as it is now, in segments. */
  startSegmentOf(file: Submitted): number
  /** Submissions on the chain as it is now. */
  count(): number
  /** Takes the last `depth` submissions back and puts them on again in reverse order. */
  reorganise(depth: number): void
  /** Says the last events again: once more, twice in one block, or the last one without the one before. */
  repeat(how: 'again' | 'twice' | 'out of order'): void
}

export function createMovingFlow(): MovingFlow {
  let flow: ScriptedFlow = createScriptedFlow()
  let files: Submitted[] = []
  const watchers = new Set<(toBlock: number) => void>()

  async function* watch(fromBlock: number, signal: AbortSignal): ReturnType<FlowSource['watch']> {
    let turn = new AbortController()
    let back: number | undefined
    const goBack = (toBlock: number): void => {
      back = Math.min(back ?? toBlock, toBlock)
      turn.abort()
    }
    const leave = (): void => turn.abort()
    watchers.add(goBack)
    signal.addEventListener('abort', leave, { once: true })
    try {
      for (let from = fromBlock; !signal.aborted; ) {
        turn = new AbortController()
        for await (const step of flow.watch(from, turn.signal)) {
          if (back !== undefined) break
          yield step
        }
        if (back === undefined) return
        const revert = back
        back = undefined
        from = revert + 1
        yield { revert }
      }
    } finally {
      watchers.delete(goBack)
      signal.removeEventListener('abort', leave)
    }
  }

  return {
    // All but watching is asked of the chain as it is at that moment.
    source: new Proxy({} as FlowSource, { get: (_, name) => (name === 'watch' ? watch : Reflect.get(flow, name)) }),
    submit(file) {
      files.push(file)
      flow.submit(file)
    },
    startSegmentOf: (file) => Math.floor((flow.events()[files.indexOf(file)]?.startSector ?? 0) / 1024),
    count: () => files.length,
    reorganise(depth) {
      const kept = Math.max(0, files.length - depth)
      files = [...files.slice(0, kept), ...files.slice(kept).reverse()]
      flow = createScriptedFlow()
      for (const file of files) flow.submit(file)
      // Each submission has a block of its own, from 1.
      for (const goBack of watchers) goBack(kept)
    },
    repeat(how) {
      const last = flow.events().at(-1)
      if (!last) return
      const block = last.blockNumber
      if (how === 'out of order') {
        flow.give({ revert: Math.max(0, block - 2) }, { block, events: [last] })
        return
      }
      flow.give({ block, events: how === 'twice' ? [last, last] : [last] })
    },
  }
}
