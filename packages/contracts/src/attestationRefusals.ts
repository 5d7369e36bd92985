/** Why the contracts that verify trusted hardware refuse evidence, in the order of `Refusal` in tee/Refusals.sol. Spec: ATTESTATION §2 */
export const attestationRefusals = [
  'malformed',
  'unsupported',
  'collateral',
  'chain',
  'revoked',
  'expired',
  'not-yet-valid',
  'signature',
  'binding',
  'qe-identity',
  'tdx-module',
  'tcb-level',
  'tcb-status',
  'debug',
  'attributes',
  'report-data',
] as const
