export { abis } from './abis.ts'
export { addresses } from './addresses.generated.ts'
export { genesis } from './genesis.generated.ts'
export type { Genesis, GenesisAccount, GenesisAlloc } from './genesis.ts'
export { teeSettlementStatus, voucherStatus } from './settlementStatus.ts'
export {
  authorizationTypes,
  fineTuningDomain,
  receiptDomain,
  receiptTypes,
  refundConsentTypes,
  teeSettlementDomain,
  teeSettlementTypes,
  verifierMessageTypes,
  voucherTypes,
} from './typedData.ts'
export { decodeVoucherOutcomes, encodeVoucherBatch, fitsVoucherBatch } from './voucherBatch.ts'
