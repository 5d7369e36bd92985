/** `miner_start`, `miner_stop`, `miner_setStartPosition`: steer the miner beside a node, while there is one. Spec: storage §6.2. */
import type { RpcAnswer, RpcMethods } from '../http/jsonRpcServer.ts'
import { readCount } from '../http/readParams.ts'
import { guardOrigin } from '../node/adminMethods.ts'
import { invalidParams } from '../wire/index.ts'

export type MinerControl = {
  /** Nothing is recalled, and nothing handed in, until `resume`. */
  pause(): void
  resume(): void
  /** Asks for the part of the flow from this sector on; what the contract allows is nearest to it. */
  mineFrom(sector: number): void
}

export type MinerSlot = {
  methods: RpcMethods
  /** Sets the miner that the methods steer. @returns takes it away again */
  offer(control: MinerControl): () => void
}

/** The methods answer whether there is a miner that did as it was told. */
export function createMinerSlot(): MinerSlot {
  let miner: MinerControl | undefined
  const tell = (run: (control: MinerControl) => void): RpcAnswer => {
    if (miner) run(miner)
    return { result: miner !== undefined }
  }
  return {
    methods: guardOrigin({
      miner_start: () => tell((control) => control.resume()),
      miner_stop: () => tell((control) => control.pause()),
      miner_setStartPosition: ([index]) => {
        const sector = readCount(index)
        if (sector === undefined) return { fault: invalidParams('index', 'expected an unsigned integer') }
        return tell((control) => control.mineFrom(sector))
      },
    }),
    offer(control) {
      miner = control
      return () => {
        if (miner === control) miner = undefined
      }
    },
  }
}
