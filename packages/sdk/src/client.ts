/** One client for the three journeys of a user: store a file, ask a model, check the answer; and the money behind them. */
import { createBlobs } from '@weightless/blobs'
import { WeightlessError } from '@weightless/codec'
import { createKeyValueClient, type KeyValueClient } from '@weightless/kv/client'
import { createLedger, type Ledger, type LedgerAccount } from '@weightless/ledger'
import { type AccountApi, openAccount } from './account/openAccount.ts'
import { type AttestationApi, openAttestation } from './attestation/openAttestation.ts'
import { type ChatApi, openChat } from './chat/openChat.ts'
import { type CheckpointsApi, openCheckpoints } from './checkpoint/openCheckpoints.ts'
import type { ClientContext, ClientEnv } from './clientContext.ts'
import { type Embedded, type EmbedOptions, embedTexts } from './embeddings/embedTexts.ts'
import { type FilesApi, openFiles } from './files/openFiles.ts'
import { type FineTuningApi, openFineTuning } from './fineTuning/openFineTuning.ts'
import { type MarketApi, openMarket } from './market/openMarket.ts'
import type { NetworkConfig } from './networkConfig.ts'
import { openReceipts, type ReceiptsApi } from './receipts/openReceipts.ts'
import { openStorage, type StorageApi } from './storage/openStorage.ts'

export type ClientOptions = {
  /** `devnet.json`, or what `readNetworkConfig` made of a network's `/config.json`. */
  config: NetworkConfig
  /** `createBrowserEnv()` of `@weightless/env/browser`, which also works in Node, or a Node `Env`. */
  env: ClientEnv
  /** Signs and pays; without it the client reads, chats (the API key pays) and verifies. */
  account?: LedgerAccount
  /** Overrides the key in the configuration. */
  apiKey?: string
}

export type Client = {
  readonly config: NetworkConfig
  readonly ledger: Ledger
  readonly files: FilesApi
  readonly storage: StorageApi
  readonly chat: ChatApi
  readonly receipts: ReceiptsApi
  readonly account: AccountApi
  readonly fineTuning: FineTuningApi
  readonly market: MarketApi
  readonly attestation: AttestationApi
  /** Texts to vectors. @throws {GatewayRefusedError} @throws {EmbeddingsMalformedError} */
  embed(texts: readonly string[], options: EmbedOptions): Promise<Embedded>
  /** Key-value streams. @throws {KeyValueUnknownError} on a network without a key-value node */
  keyValue(): KeyValueClient
  /** Checkpoints of models, named in the key-value layer. @throws {KeyValueUnknownError} */
  checkpoints(): CheckpointsApi
}

export function createClient({ config, env, account, apiKey }: ClientOptions): Client {
  const ledger = createLedger({ rpcUrl: config.chain.rpcUrl, env, ...(account && { account }) })
  const context: ClientContext = { config, env, ledger, account, apiKey: apiKey ?? config.compute.apiKey }
  const files = openFiles(context)
  const receipts = openReceipts(context, files)
  const { indexerUrl } = config.storage
  const { flow: flowAddress } = config.contracts
  const storing = { env, indexerUrl, ledger, ...(flowAddress && { flowAddress }) }
  const kvUrl = (): string => {
    if (!config.storage.kvUrl) throw new KeyValueUnknownError()
    return config.storage.kvUrl
  }
  return {
    ...{ config, ledger, files, receipts },
    embed: (texts, options) => embedTexts(context, texts, options),
    keyValue: () => createKeyValueClient({ env, kvUrl: kvUrl(), blobs: createBlobs(storing) }),
    checkpoints: () => openCheckpoints({ ...storing, kvUrl: kvUrl() }),
    storage: openStorage(context),
    chat: openChat(context, receipts),
    account: openAccount(context),
    fineTuning: openFineTuning(context, files),
    market: openMarket(context),
    attestation: openAttestation(context),
  }
}

export class KeyValueUnknownError extends WeightlessError {
  constructor() {
    super(
      'sdk/key-value-unknown',
      'This network names no key-value node.',
      {},
      { hint: 'Put its address into storage.kvUrl of the network configuration.' },
    )
  }
}
