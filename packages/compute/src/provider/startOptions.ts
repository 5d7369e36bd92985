/** What a provider is started with. */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { LocalAccount } from 'viem'
import type { Engine } from '../engine/engine.ts'
import type { AdapterShelf } from '../finetune/adapterShelf.ts'
import type { DrainOptions } from './drainProvider.ts'
import type { Adoption } from './handover/adoptJobs.ts'
import type { Folder } from './handover/handOver.ts'
import type { ProviderLimits } from './providerOptions.ts'

export type ProviderOptions = {
  env: Env
  /** Folder of `env.disk` for receipts; default `provider`. */
  folder?: string
  rpcUrl: string
  chainId: number
  contracts: ComputeContracts
  /** Holds the stake, earns the fees, signs receipts. */
  account: LocalAccount
  port: number
  host?: string
  /** What the registry says; default is the address that the server listens on. */
  publicUrl?: string
  /** Opens the model; until it resolves, requests are answered with 503 `model_not_ready`. */
  openEngine: () => Promise<Engine>
  /** Adapters of users that are served beside the model; whoever made it closes it. */
  adapters?: AdapterShelf
  inputWeiPerToken: bigint
  outputWeiPerToken: bigint
  /** Where it stands, for who cares; free text of the registry entry. */
  region?: string | undefined
  limits?: Partial<ProviderLimits>
  /** It answers wrongly on purpose, and says so in the registry. ALIGNMENT §6 */
  planted?: boolean
  /** Opens status, metrics and drain to whoever has it; without it they are not there. COMPUTE §3.2 */
  operatorToken?: string
  /** Told when the operator asks for the end over HTTP; without it nobody can. */
  onDrainAsked?: (options: DrainOptions) => void
  /** The folder with the log, for a process that takes over while this one ends its streams; without it none can. COMPUTE §12.2 */
  handOverFolder?: Folder
  /** What the process before this one still answers: this one takes its port over. */
  adoption?: Adoption
  /** Of the program, for the status. */
  version?: string
}

export type ComputeContracts = {
  inferenceServing: Hex
  receiptSettlement: Hex
  ledgerManager: Hex
  /** Says whose turns come more often; without it all are equal. */
  priorityStake?: Hex
  /** Where answers are challenged: what is asked there is answered. Without it nobody looks. DISPUTE §13 */
  disputeGame?: Hex
  /** Whose auditors a gateway hands shared answers to. COMPUTE §10.11 */
  auditRounds?: Hex
  /** Where the offer is declared; without it the provider is found in the registry alone. MARKET §2 */
  serviceMarket?: Hex
}
