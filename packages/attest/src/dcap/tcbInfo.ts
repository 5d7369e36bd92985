/** Intel's TCB info: which versions of microcode and firmware are good, per model of processor. Form and matching, ATTESTATION §3.5. */
import { bytesEqual } from '@weightless/codec'
import { z } from 'zod'
import { need, refuse } from '../refusal.ts'
import { toHex } from '../x509/certificate.ts'
import { type PckPlatform, pceIdNumber } from './pckPlatform.ts'
import type { ReportBody, TdReport } from './reportBodies.ts'
import { hexField } from './signedFields.ts'
import { combineTcb, partStatuses, type TcbJudgement, tcbStatuses } from './tcbStatus.ts'

const byte = z.number().int().min(0).max(255)
const components = z.array(z.object({ svn: byte })).length(16)
const advisories = z.array(z.string().max(64)).max(256).default([])
const judged = { tcbStatus: z.enum(tcbStatuses), advisoryIDs: advisories }
const module = { mrsigner: hexField(48), attributes: hexField(8), attributesMask: hexField(8) }

export const tcbInfoForm = z.object({
  id: z.enum(['SGX', 'TDX']),
  version: z.literal(3),
  issueDate: z.iso.datetime(),
  nextUpdate: z.iso.datetime(),
  fmspc: hexField(6),
  pceId: hexField(2),
  tcbType: z.literal(0),
  tcbEvaluationDataNumber: z.number().int(),
  tdxModule: z.object(module).optional(),
  tdxModuleIdentities: z
    .array(
      z.object({
        id: z.string().max(32),
        ...module,
        tcbLevels: z
          .array(
            z.object({
              tcb: z.object({ isvsvn: z.number().int() }),
              tcbStatus: z.enum(partStatuses),
              advisoryIDs: advisories,
            }),
          )
          .max(256),
      }),
    )
    .max(64)
    .optional(),
  tcbLevels: z
    .array(
      z.object({
        tcb: z.object({
          sgxtcbcomponents: components,
          pcesvn: z.number().int().min(0),
          tdxtcbcomponents: components.optional(),
        }),
        ...judged,
      }),
    )
    .max(1_024),
})

export type TcbInfo = z.infer<typeof tcbInfoForm>

type Level = TcbInfo['tcbLevels'][number]

/**
 * @param teeTcbSvn - of a trust domain: as at its launch, or as it is now
 * @returns state of the platform, that of the TDX module included
 * @throws {Refusal} when nothing matches
 */
export function matchPlatform(
  info: TcbInfo,
  platform: PckPlatform,
  body: ReportBody,
  teeTcbSvn: Uint8Array | undefined,
): TcbJudgement {
  const wanted = body.kind === 'sgx' ? 'SGX' : 'TDX'
  need(info.id === wanted, 'collateral', `the TCB info is about ${info.id}, not ${wanted}`)
  need(
    bytesEqual(info.fmspc, platform.fmspc),
    'collateral',
    `the TCB info is about other processors than ${toHex(platform.fmspc)}`,
  )
  const pceId = info.pceId[0]! + 256 * info.pceId[1]!
  need(pceId === pceIdNumber(platform), 'collateral', 'the TCB info is about another provisioning enclave')
  const level = [...info.tcbLevels].sort(newestFirst).find((candidate) => isReached(candidate, platform, teeTcbSvn))
  if (!level) return refuse('tcb-level', 'the platform is older than every known state')
  const judgement: TcbJudgement = { status: level.tcbStatus, advisoryIds: level.advisoryIDs }
  if (body.kind === 'sgx' || !teeTcbSvn) return judgement
  const ofModule = matchTdxModule(info, body, teeTcbSvn)
  return ofModule ? combineTcb(judgement, ofModule) : judgement
}

/** Intel's own library orders the levels before it goes over them; they come in that order. */
function newestFirst(a: Level, b: Level): number {
  return (
    compareSvns(b.tcb.sgxtcbcomponents, a.tcb.sgxtcbcomponents) ||
    b.tcb.pcesvn - a.tcb.pcesvn ||
    compareSvns(b.tcb.tdxtcbcomponents ?? [], a.tcb.tdxtcbcomponents ?? [])
  )
}

function compareSvns(a: readonly { svn: number }[], b: readonly { svn: number }[]): number {
  const at = a.findIndex(({ svn }, i) => svn !== b[i]?.svn)
  return at < 0 ? 0 : a[at]!.svn - (b[at]?.svn ?? -1)
}

function isReached({ tcb }: Level, platform: PckPlatform, teeTcbSvn: Uint8Array | undefined): boolean {
  if (platform.pceSvn < tcb.pcesvn) return false
  if (!tcb.sgxtcbcomponents.every(({ svn }, i) => platform.sgxComponents[i]! >= svn)) return false
  if (!teeTcbSvn) return true
  if (!tcb.tdxtcbcomponents) return false
  // The first two are the module's own SVN and version: from version 1 on the module's identity judges them.
  const from = teeTcbSvn[1]! > 0 ? 2 : 0
  return tcb.tdxtcbcomponents.every(({ svn }, i) => i < from || teeTcbSvn[i]! >= svn)
}

/** @returns state of the TDX module; undefined where the platform's levels judge it too (version 0). @throws {Refusal} */
function matchTdxModule(info: TcbInfo, body: TdReport, teeTcbSvn: Uint8Array): TcbJudgement | undefined {
  const version = teeTcbSvn[1]!
  const id = `TDX_${version.toString(16).padStart(2, '0')}`
  const identity =
    version > 0 ? info.tdxModuleIdentities?.find((known) => known.id.toLowerCase() === id.toLowerCase()) : undefined
  if (version > 0 && !identity) return refuse('tdx-module', `module ${id} is not known`)
  const expected = identity ?? info.tdxModule ?? refuse('collateral', 'the TCB info has no TDX module')
  need(bytesEqual(expected.mrsigner, body.mrSignerSeam), 'tdx-module', 'the TDX module is signed by somebody else')
  const isAsked = body.seamAttributes.every(
    (value, i) => (value & expected.attributesMask[i]!) === expected.attributes[i],
  )
  need(isAsked, 'tdx-module', 'the TDX module has other attributes')
  if (!identity) return undefined
  const svn = teeTcbSvn[0]!
  const levels = [...identity.tcbLevels].sort((a, b) => b.tcb.isvsvn - a.tcb.isvsvn)
  const level = levels.find(({ tcb }) => svn >= tcb.isvsvn)
  if (!level) return refuse('tdx-module', `module ${id} with SVN ${svn} is older than every known state`)
  return { status: level.tcbStatus, advisoryIds: level.advisoryIDs }
}
