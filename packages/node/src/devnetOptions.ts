/** What a devnet can be told, with its defaults, and what it tells while it comes up. */
import type { Hex } from '@weightless/codec'
import type { Drift } from './devnet/plantDrift.ts'

export type DevnetOptions = {
  /** Where all state lives; default `.weightless`. */
  dataFolder?: string
  /** Shifts every default port by the same amount; default 0. Busy ports make the devnet look for another shift. */
  portBase?: number
  /** Fail instead of looking for other ports; default false. */
  portsExact?: boolean
  /** Address to bind; default 127.0.0.1. Anything else refuses the well-known keys and developer methods. */
  host?: string
  /** Web sites besides pages of this machine that may call the chain from a browser, such as `https://remix.ethereum.org`. */
  allowedOrigins?: readonly string[]
  /** Storage nodes, at most 16; default 6: files are coded 4 + 2, so any two may vanish. */
  nodes?: number
  /** Run each storage node as a process of its own, restarted after a crash; default false: all in this process. */
  storageProcesses?: boolean
  /** Providers of the model that is served from the start, 1 to 4, each with a key and a price of its own; default 2. */
  providers?: number
  /** Run each provider as a process of its own, restarted after a crash; default false: all in this process. */
  providerProcesses?: boolean
  /** Gateway and storage nodes find each other, and who holds a root, by libp2p too; default true. */
  peers?: boolean
  /** One storage node mines, with 5 % of a thread and only while what it keeps pays; default true. */
  mining?: boolean
  /** A fine-tuning provider for the first model, idle until somebody brings a task; default true. */
  fineTuning?: boolean
  /** A Python interpreter with PyTorch and PEFT (`workers/peft`) that trains instead of the embedded trainer. */
  fineTuningPython?: string
  /** A provider of embeddings too (all-MiniLM-L6-v2, found or fetched: 83 MB); default false. */
  embeddings?: boolean
  /** Three auditors, and a provider that is bad on purpose for them to find; default false. */
  audits?: boolean
  /** A GGUF file to serve instead of the default model. */
  modelPath?: string
  /** `auto` finds or fetches the default model; `tiny` serves the small model in the repository at once; `none` serves none. */
  weights?: 'auto' | 'tiny' | 'none'
  /** Do the main job once, small, at the end of the start; default true. */
  firstLight?: boolean
  /** Serve the console; default true. */
  console?: boolean
  log?: 'text' | 'json' | 'silent'
  onEvent?: (event: DevnetEvent) => void
}

export type DevnetEvent =
  | { type: 'ports'; busyPorts: number[]; portBase: number }
  | { type: 'service'; name: ServiceName; url: string; tookMs: number; note?: string }
  | { type: 'mining'; node: number; account: Hex; share: number }
  | { type: 'weights'; model: string; stage: string; doneBytes: number; totalBytes: number }
  | { type: 'weights-ready'; model: string; origin: string; sizeBytes: number }
  | { type: 'weights-missing'; model: string; reason: string; fallback: string | undefined }
  | { type: 'weights-stored'; model: string; root: Hex; tookMs: number }
  | { type: 'fine-tuning-open'; model: string; provider: Hex; url: string }
  | { type: 'model-open'; model: string; provider: Hex; url: string }
  | { type: 'ready'; tookMs: number }
  | { type: 'audits-open'; auditors: Hex[]; planted: Hex; drift: Drift }
  | { type: 'plant-slashed'; planted: Hex; takenWei: bigint; drift: Drift }
  | FirstLightEvent
  | { type: 'warning'; message: string; hint?: string }

export type FirstLightEvent =
  | { type: 'first-light-stored'; root: Hex; sizeBytes: number; blockNumber: bigint; feeWei: bigint }
  | { type: 'first-light-question'; text: string; model: string }
  | { type: 'first-light-token'; text: string }
  | { type: 'first-light-answered'; tokens: number; tookMs: number; receiptId: string; feeWei: bigint }
  | { type: 'first-light-verified'; accepted: boolean; detail: string; tookMs: number }
  | { type: 'first-light-settled'; blockNumber: bigint; transactionHash: Hex; paidWei: bigint }
  | { type: 'first-light-failed'; stage: string; reason: string }

export type ServiceName = 'chain' | 'storage' | 'key-value' | 'S3' | 'compute gateway' | 'provider' | 'console'
