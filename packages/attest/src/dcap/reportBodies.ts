/** The bodies that Intel's hardware reports about an SGX enclave or a TDX trust domain; ATTESTATION §3.2 has the layouts. */
import { type ByteReader, readLittle } from '../byteReader.ts'

/** 384 bytes, Intel SDM volume 3D, table "REPORT". */
export type SgxReport = {
  kind: 'sgx'
  cpuSvn: Uint8Array
  miscSelect: Uint8Array
  attributes: Uint8Array
  mrEnclave: Uint8Array
  mrSigner: Uint8Array
  isvProdId: number
  isvSvn: number
  reportData: Uint8Array
}

/** 584 bytes for TDX 1.0; 1.5 adds two fields and has 648, its extended form 885. */
export type TdReport = {
  kind: 'tdx-1.0' | 'tdx-1.5'
  /** 16 bytes: [0] the module's SVN, [1] its version. */
  teeTcbSvn: Uint8Array
  mrSeam: Uint8Array
  mrSignerSeam: Uint8Array
  seamAttributes: Uint8Array
  tdAttributes: Uint8Array
  xfam: Uint8Array
  mrTd: Uint8Array
  mrConfigId: Uint8Array
  mrOwner: Uint8Array
  mrOwnerConfig: Uint8Array
  rtmrs: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  reportData: Uint8Array
  /** 16 and 48 bytes, of 1.5 only. */
  teeTcbSvn2: Uint8Array | undefined
  mrServiceTd: Uint8Array | undefined
  extension: TdExtension | undefined
}

/** 237 bytes after a body of TDX 1.5, in quotes with a body of type 4. */
export type TdExtension = {
  vmId: number
  tdId: Uint8Array
  deviceInfo: Uint8Array
  initServiceTdHash: Uint8Array
  initServiceTdAttributes: Uint8Array
  initCpuSvn: Uint8Array
  initTeeTcbSvn: Uint8Array
  initTeeFmspc: Uint8Array
  currentServiceTdHash: Uint8Array
  currentServiceTdAttributes: Uint8Array
}

export type ReportBody = SgxReport | TdReport

export const sgxReportBytes = 384
export const tdReport10Bytes = 584
export const tdReport15Bytes = 648
export const tdReport15ExtendedBytes = 885

/** @throws {Refusal} when bytes are missing */
export function readSgxReport(reader: ByteReader): SgxReport {
  const body = reader.take(sgxReportBytes)
  return {
    kind: 'sgx',
    cpuSvn: body.subarray(0, 16),
    miscSelect: body.subarray(16, 20),
    attributes: body.subarray(48, 64),
    mrEnclave: body.subarray(64, 96),
    mrSigner: body.subarray(128, 160),
    isvProdId: readLittle(body.subarray(256, 258)),
    isvSvn: readLittle(body.subarray(258, 260)),
    reportData: body.subarray(320, 384),
  }
}

/** @throws {Refusal} when bytes are missing */
export function readTdReport(reader: ByteReader, kind: TdReport['kind'], isExtended = false): TdReport {
  const [teeTcbSvn, mrSeam, mrSignerSeam] = [reader.take(16), reader.take(48), reader.take(48)]
  const [seamAttributes, tdAttributes, xfam] = [reader.take(8), reader.take(8), reader.take(8)]
  const [mrTd, mrConfigId, mrOwner, mrOwnerConfig] = [
    reader.take(48),
    reader.take(48),
    reader.take(48),
    reader.take(48),
  ]
  const rtmrs = [reader.take(48), reader.take(48), reader.take(48), reader.take(48)] as const
  const reportData = reader.take(64)
  const isNewer = kind === 'tdx-1.5'
  return {
    kind,
    teeTcbSvn,
    mrSeam,
    mrSignerSeam,
    seamAttributes,
    tdAttributes,
    xfam,
    mrTd,
    mrConfigId,
    mrOwner,
    mrOwnerConfig,
    rtmrs,
    reportData,
    teeTcbSvn2: isNewer ? reader.take(16) : undefined,
    mrServiceTd: isNewer ? reader.take(48) : undefined,
    extension: isExtended ? readExtension(reader) : undefined,
  }
}

function readExtension(reader: ByteReader): TdExtension {
  return {
    vmId: reader.take(1)[0]!,
    tdId: reader.take(32),
    deviceInfo: reader.take(48),
    initServiceTdHash: reader.take(48),
    initServiceTdAttributes: reader.take(8),
    initCpuSvn: reader.take(16),
    initTeeTcbSvn: reader.take(16),
    initTeeFmspc: reader.take(12),
    currentServiceTdHash: reader.take(48),
    currentServiceTdAttributes: reader.take(8),
  }
}
