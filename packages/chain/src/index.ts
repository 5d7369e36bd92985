export type {
  Engine,
  EngineWithdrawal,
  ExecutionPayloadV3,
  ForkchoiceState,
  ForkchoiceUpdated,
  PayloadAttributesV3,
  PayloadEnvelope,
  PayloadStatus,
} from './engine.ts'
export { StateMissingError } from './execution/chainState.ts'
export { PayloadAttributesError, UnknownPayloadError } from './execution/embeddedEngine.ts'
export type { GenesisAccount, GenesisAlloc } from './execution/genesis.ts'
export { DataFolderCorruptError, DataFolderForeignError, DataFolderNewerError } from './execution/openDataFolder.ts'
export { type Chain, type ChainOptions, openChain } from './openChain.ts'
export type { RpcServeOptions, RpcServer } from './rpc/serveRpc.ts'
