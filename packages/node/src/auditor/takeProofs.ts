/**
 * What an auditor does with what is proof by itself, one after the other and for its own account: a wrong answer of a provider
 * is disputed on chain, a wrong fragment of a storage node shown to the contract that has its stake. Spec: spec/alignment.md 13.4, 14.3
 */
import { bytesToHex } from '@weightless/codec'
import type { AuditorOptions } from '@weightless/compute'
import { fileRoot } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { Client, NetworkConfig } from '@weightless/sdk'
import type { createClosers } from '../devnet/closeInOrder.ts'
import { reportFragment } from '../storageNode/holderStake.ts'

type Parts = { env: Pick<Env, 'log'>; config: NetworkConfig; ledger: Ledger; client: Client }

/** Proofs that wait for each other; others can be shown by whoever has the evidence. */
const waitingMax = 4
/** A file of a wrong fragment is read whole: of larger ones the evidence is left to others. */
const fileBytesMax = 64 * 1024 * 1024

/** Nothing where the network has no contract that would judge. */
export function takeProofs(
  { env, config, ledger, client }: Parts,
  closers: ReturnType<typeof createClosers>,
): Pick<AuditorOptions, 'onProved' | 'onWrongFragment'> {
  const { disputeGame, holderStake } = config.contracts
  const stop = new AbortController()
  let waiting = 0
  let last: Promise<void> = Promise.resolve()
  closers.add(() => last)
  closers.add(async () => stop.abort())

  function queue(what: string, work: () => Promise<{ [name: string]: string }>): void {
    if (waiting >= waitingMax) return
    waiting++
    last = last
      .then(work)
      .then(
        (facts) => env.log.info(`${what} was shown to the chain`, facts),
        (fault: unknown) => env.log.warn(`${what} was not shown to the chain`, { reason: String(fault) }),
      )
      .finally(() => {
        waiting--
      })
  }

  return {
    ...(disputeGame && {
      onProved: (bundle) =>
        queue('a wrong answer', async () => {
          const { dispute } = await client.receipts.challenge(bundle, { signal: stop.signal })
          return { outcome: dispute.outcome }
        }),
    }),
    ...(holderStake && {
      onWrongFragment: (proof) =>
        queue('a wrong fragment', async () => {
          const { nodeId, name } = proof
          if (name.sizeBytes > fileBytesMax) return { nodeId, outcome: 'the file is too large' }
          const file = await client.files.download(name.root, { isRaw: true, signal: stop.signal })
          if (bytesToHex(fileRoot(file)) !== name.root) return { nodeId, outcome: 'another file came' }
          const takenWei = await reportFragment(ledger, holderStake, proof, file)
          return {
            nodeId,
            outcome: takenWei === undefined ? 'no stake, or nothing that a contract sees' : `${takenWei} wei`,
          }
        }),
    }),
  }
}
