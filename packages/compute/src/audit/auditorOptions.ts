/** What an auditor is given to work with, and what it tells. */
import type { Hex } from '@weightless/codec'
import type { Disk, Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { Bundle } from '@weightless/receipt'
import type { AttestationTools } from './attestation/auditAttestation.ts'
import type { AuditTools } from './auditTarget.ts'
import type { ChainNodeTools } from './chainNode/auditChainNode.ts'
import type { TargetEvidence } from './evidence.ts'
import type { FetchShared } from './sharedReceipts.ts'
import type { HolderTools } from './storage/auditHolder.ts'
import type { SignedFragment } from './storage/signedFragments.ts'

export type AuditorOptions = {
  env: Pick<Env, 'clock' | 'log'>
  /** With the auditor's account, which has a licence. */
  ledger: Ledger
  auditRounds: Hex
  /** 32 bytes: the key by which it is drawn. */
  secret: Uint8Array
  tools: AuditTools
  /** Where users' answers come from; without it there are none. */
  shared?: FetchShared
  /** A user's answer was wrong: a proof that needs no quorum. */
  onProved?(bundle: Bundle): void
  /** A storage node signed another fragment than the file's: a proof that needs no quorum. */
  onWrongFragment?(proof: SignedFragment): void
  /** How storage nodes are read; without it nothing is said of them. */
  holders?: HolderTools
  /** What it knows, and the evidence of its last rounds: its alone. */
  disk: Disk
  /** Puts evidence where jurors find it by its root, and gets it from there. */
  publish(evidence: Uint8Array): Promise<void>
  fetchEvidence(root: Hex): Promise<Uint8Array | undefined>
  /** How claims of hardware, and nodes of the chain, are looked at; without them nothing is said of those. */
  attestations?: AttestationTools
  chainNodes?: ChainNodeTools
  /** Enrols for every round at first, and later for one in `everyRounds`. */
  firstRounds: number
  everyRounds: number
  /** So that several auditors do not settle the same at once. */
  settleDelaySeconds: number
  tickMs: number
  onEvent?(event: AuditorEvent): void
}

export type AuditorEvent =
  | { type: 'enrolled' | 'committed' | 'revealed'; round: bigint }
  | { type: 'found'; round: bigint; found: TargetEvidence }
  | { type: 'fault'; reason: string }
