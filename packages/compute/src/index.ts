export {
  type Engine,
  type EngineEnd,
  EngineFailedError,
  type EngineJob,
  type EngineModel,
  EngineRefusedError,
  type EngineRun,
  type EngineToken,
  type ExactEngine,
  type ServiceName,
  serviceNames,
  type UpstreamAsk,
  type UpstreamEngine,
  UpstreamFailedError,
} from './engine/engine.ts'
export { openTensorEngine, type TensorEngineOptions } from './engine/openTensorEngine.ts'
export {
  type GatewayKey,
  type GatewayLimits,
  type GatewayOptions,
  gatewayLimitsSchema,
} from './gateway/gatewayOptions.ts'
export { type Gateway, startGateway } from './gateway/startGateway.ts'
export { type ProviderLimits, providerLimitsSchema } from './provider/providerOptions.ts'
export { type ComputeContracts, type Provider, type ProviderOptions, startProvider } from './provider/startProvider.ts'
