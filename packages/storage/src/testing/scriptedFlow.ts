/**
 * A chain that is only its flow, for tests: takes submissions, places them as the contract does (spec: storage §4), and
 * gives them to any number of watching nodes. It can take blocks back and give events twice, late or out of order.
 */
import { bytesToHex, type Hex, uintToBytes } from '@weightless/codec'
import { createFlowTree, type FileTree, type TreeNode } from '@weightless/crypto'
import type { FlowSource, FlowStep } from '../node/flowSource.ts'
import type { SubmitEvent } from '../node/submission.ts'

export type ScriptedFlow = FlowSource & {
  /** Submits a file in a block of its own; returns its txSeq. */
  submit(file: Pick<FileTree, 'nodes'> & { shape: { sizeBytes: number } }): number
  /** Gives these steps to every watcher as they are. */
  give(...steps: FlowStep[]): void
  events(): readonly SubmitEvent[]
  /** Says until when a submission is paid, in milliseconds; without it no submission ends. */
  payUntil(seq: number, ms: number | undefined): void
  /** Sets the chain's time. */
  setTime(ms: number): void
}

export function createScriptedFlow(): ScriptedFlow {
  const events: SubmitEvent[] = []
  const roots: Hex[] = []
  const tree = createFlowTree()
  const watchers = new Set<(step: FlowStep) => void>()
  const paidUntil = new Map<number, number | undefined>()
  let block = 0
  let timeMs = 0

  const give = (...steps: FlowStep[]): void => {
    for (const step of steps) for (const watcher of watchers) watcher(step)
  }

  return {
    events: () => events,
    give,
    payUntil: (seq, ms) => void paidUntil.set(seq, ms),
    setTime(ms) {
      timeMs = ms
    },
    payments: (seqs) => Promise.resolve({ nowMs: timeMs, paidUntilMs: seqs.map((seq) => paidUntil.get(seq)) }),
    submit({ nodes, shape }) {
      block++
      const startSector = place(tree.length(), nodes)
      tree.append(startSector, nodes)
      roots.push(bytesToHex(tree.root()))
      const event = {
        seq: events.length,
        startSector,
        sizeBytes: shape.sizeBytes,
        nodes: [...nodes],
        blockNumber: block,
      }
      events.push(event)
      give({ block, events: [event] })
      return event.seq
    },
    tip: () => Promise.resolve({ block, submissions: events.length }),
    rootAfter: (seq) => Promise.resolve(roots[seq]),
    blockHash: (number) => Promise.resolve(bytesToHex(uintToBytes(BigInt(number), 32))),
    async *watch(fromBlock, signal) {
      const queue: FlowStep[] = [{ block, events: events.filter(({ blockNumber }) => blockNumber >= fromBlock) }]
      let wake = (): void => undefined
      const watcher = (step: FlowStep): void => {
        queue.push(step)
        wake()
      }
      watchers.add(watcher)
      signal.addEventListener('abort', () => wake(), { once: true })
      try {
        while (!signal.aborted) {
          const step = queue.shift()
          if (step) yield step
          else {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
        }
      } finally {
        watchers.delete(watcher)
      }
    },
  }
}

/** Where the contract puts a submission: aligned to its first node, never across a segment unless it starts one. */
function place(length: number, nodes: readonly TreeNode[]): number {
  const first = 2 ** nodes[0]!.height
  const sectors = nodes.reduce((sum, { height }) => sum + 2 ** height, 0)
  const start = Math.ceil(length / first) * first
  const crosses = start % 1024 !== 0 && Math.floor(start / 1024) !== Math.floor((start + sectors - 1) / 1024)
  const base = crosses ? Math.ceil(length / 1024) * 1024 : length
  return Math.ceil(base / first) * first
}
