/** Checkpoints of models: saved under a name, deduplicated against the last one, restored anywhere by owner and name. Spec: checkpoint. */
import { createBlobs } from '@weightless/blobs'
import { type Hex, WeightlessError } from '@weightless/codec'
import { createKeyValueClient } from '@weightless/kv/client'
import type { Ledger } from '@weightless/ledger'
import type { ClientEnv } from '../clientContext.ts'
import { listCheckpoints, type NamedCheckpoint } from './checkpointNames.ts'
import { type RestoredCheckpoint, type RestoreOptions, restoreCheckpoint } from './restoreCheckpoint.ts'
import { type CheckpointFile, type SavedCheckpoint, type SaveProgress, saveCheckpoint } from './saveCheckpoint.ts'

export type CheckpointsOptions = {
  env: ClientEnv
  /** Of a key-value node. */
  kvUrl: string
  indexerUrl: string
  /** Pays for saves; its account is the owner by default. */
  ledger: Ledger
  flowAddress?: Hex
}

type Common = { name: string; streamId?: Hex; signal?: AbortSignal }

export type CheckpointsApi = {
  /** Errors: those of `saveCheckpoint`. */
  save(
    wish: Common & { files: readonly CheckpointFile[]; onProgress?: (progress: SaveProgress) => void },
  ): Promise<SavedCheckpoint>
  /** `owner` may be left out by the account that saved. Errors: those of `restoreCheckpoint`. */
  restore(
    wish: Common & { owner?: Hex } & Pick<RestoreOptions, 'version' | 'target' | 'onProgress'>,
  ): Promise<RestoredCheckpoint>
  /** What an owner has saved, by name. */
  list(owner?: Hex): AsyncGenerator<NamedCheckpoint>
}

export function openCheckpoints({ env, kvUrl, indexerUrl, ledger, flowAddress }: CheckpointsOptions): CheckpointsApi {
  const blobs = createBlobs({ env, indexerUrl, ledger, ...(flowAddress && { flowAddress }) })
  const kv = createKeyValueClient({ env, kvUrl, blobs })
  const ownerOf = (named?: Hex): Hex => {
    const owner = named ?? ledger.address
    if (!owner) throw new CheckpointOwnerError()
    return owner.toLowerCase() as Hex
  }
  return {
    save: async (wish) => saveCheckpoint({ ...wish, owner: ownerOf(), blobs, kv, clock: env.clock }),
    restore: async (wish) => restoreCheckpoint({ ...wish, owner: ownerOf(wish.owner), blobs, kv }),
    list: (owner) => listCheckpoints(kv, { owner: ownerOf(owner) }),
  }
}

export class CheckpointOwnerError extends WeightlessError {
  constructor() {
    super(
      'sdk/checkpoint-owner',
      'It is not known whose checkpoint this is.',
      {},
      {
        hint: 'Give an account, or name the owner.',
      },
    )
  }
}
