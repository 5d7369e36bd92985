/** The identity of Intel's quoting enclaves: who a report must be from before its key may sign quotes. ATTESTATION §3.4. */
import { bytesEqual } from '@weightless/codec'
import { z } from 'zod'
import { need, refuse } from '../refusal.ts'
import type { SgxReport } from './reportBodies.ts'
import { hexField } from './signedFields.ts'
import { partStatuses, type TcbJudgement } from './tcbStatus.ts'

export const qeIdentityForm = z.object({
  id: z.enum(['QE', 'TD_QE']),
  version: z.literal(2),
  issueDate: z.iso.datetime(),
  nextUpdate: z.iso.datetime(),
  tcbEvaluationDataNumber: z.number().int(),
  miscselect: hexField(4),
  miscselectMask: hexField(4),
  attributes: hexField(16),
  attributesMask: hexField(16),
  mrsigner: hexField(32),
  isvprodid: z.number().int(),
  tcbLevels: z
    .array(
      z.object({
        tcb: z.object({ isvsvn: z.number().int() }),
        tcbStatus: z.enum(partStatuses),
        advisoryIDs: z.array(z.string().max(64)).max(256).default([]),
      }),
    )
    .max(256),
})

export type QeIdentity = z.infer<typeof qeIdentityForm>

/** @returns state of the quoting enclave. @throws {Refusal} when the report is not of it */
export function matchQe(identity: QeIdentity, report: SgxReport, tee: 'sgx' | 'tdx'): TcbJudgement {
  const wanted = tee === 'sgx' ? 'QE' : 'TD_QE'
  need(identity.id === wanted, 'collateral', `the QE identity is of ${identity.id}, not ${wanted}`)
  const is = (holds: boolean, what: string) => need(holds, 'qe-identity', `the quoting enclave has ${what}`)
  is(bytesEqual(report.mrSigner, identity.mrsigner), 'another signer')
  is(report.isvProdId === identity.isvprodid, 'another product number')
  // Intel publishes both fields as they stand in memory, byte for byte.
  is(isMasked(report.miscSelect, identity.miscselect, identity.miscselectMask), 'another MISCSELECT')
  is(isMasked(report.attributes, identity.attributes, identity.attributesMask), 'other attributes')
  const levels = [...identity.tcbLevels].sort((a, b) => b.tcb.isvsvn - a.tcb.isvsvn)
  const level = levels.find(({ tcb }) => report.isvSvn >= tcb.isvsvn)
  if (!level) return refuse('tcb-level', 'the quoting enclave is older than every known state')
  return { status: level.tcbStatus, advisoryIds: level.advisoryIDs }
}

function isMasked(value: Uint8Array, expected: Uint8Array, mask: Uint8Array): boolean {
  return value.every((byte, i) => (byte & mask[i]!) === (expected[i]! & mask[i]!))
}
