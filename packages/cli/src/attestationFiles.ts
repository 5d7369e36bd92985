/** Evidence, its collateral and demands on it, from files and flags that somebody gave. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { type AttestationPolicy, type TcbStatus, tcbStatuses } from '@weightless/attest'
import { decodeBase64, HexInvalidError, hexToBytes, textToBytes, WeightlessError } from '@weightless/codec'

const fileBytesMax = 4 * 1024 * 1024

/** Raw, or as hex or base64 in text. @throws {EvidenceFileError} */
export function readEvidenceFile(path: string): Uint8Array {
  const bytes = readWhole(path)
  const text = bytes.toString('latin1').trim()
  if (/^(0x)?([0-9a-fA-F]{2})+$/.test(text)) return hexToBytes(text)
  const decoded = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? decodeBase64(textToBytes(text)) : undefined
  return decoded ?? new Uint8Array(bytes)
}

/** @throws {EvidenceFileError} */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readWhole(path).toString('utf8'))
  } catch (cause) {
    if (cause instanceof WeightlessError) throw cause
    throw new EvidenceFileError({ path, reason: 'it is no JSON' })
  }
}

function readWhole(path: string): Buffer {
  if (!existsSync(path)) throw new EvidenceFileError({ path, reason: 'there is no such file' })
  if (statSync(path).size > fileBytesMax) throw new EvidenceFileError({ path, reason: 'it is too large for evidence' })
  return readFileSync(path)
}

export type AttestFlags = {
  collateral?: string
  at?: string
  reportData?: string
  nonce?: string
  measurement: string[]
  allowStatus: string[]
  allowDebug?: boolean
  allowDev?: boolean
}

/** @throws {AttestFlagError} */
export function policyOf(flags: AttestFlags, nowSeconds: number): AttestationPolicy {
  const unknown = flags.allowStatus.find((status) => !(tcbStatuses as readonly string[]).includes(status))
  if (unknown) throw new AttestFlagError({ flag: '--allow-status', value: unknown })
  return {
    atSeconds: flags.at === undefined ? nowSeconds : readTime(flags.at),
    reportData: flags.reportData === undefined ? undefined : readHex('--report-data', flags.reportData),
    nonce: flags.nonce === undefined ? undefined : readHex('--nonce', flags.nonce),
    allowStatuses: ['UpToDate', ...(flags.allowStatus as TcbStatus[])],
    allowDebug: flags.allowDebug === true,
    allowDev: flags.allowDev === true,
    ...readMeasurements(flags.measurement),
  }
}

function readTime(text: string): number {
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Date.parse(text) / 1000
  if (Number.isNaN(seconds)) throw new AttestFlagError({ flag: '--at', value: text })
  return seconds
}

/** `mrTd=…`, `mrEnclave=…`, `rtmr2=…`, `pcr0=…`: hex. */
function readMeasurements(list: readonly string[]): Pick<AttestationPolicy, 'measurements' | 'pcrs'> {
  const measurements: { [name: string]: Uint8Array } = {}
  const rtmrs: (Uint8Array | undefined)[] = [undefined, undefined, undefined, undefined]
  const pcrs: { [index: number]: Uint8Array } = {}
  for (const item of list) {
    const [, name = '', index = '', hex = ''] =
      /^(mrEnclave|mrSigner|mrTd|mrConfigId|mrOwner|mrOwnerConfig|rtmr(?=[0-3]=)|pcr(?=\d{1,2}=))(\d*)=(.+)$/.exec(
        item,
      ) ?? []
    if (!name) throw new AttestFlagError({ flag: '--measurement', value: item })
    const value = readHex('--measurement', hex)
    if (name === 'pcr') pcrs[Number(index)] = value
    else if (name === 'rtmr') rtmrs[Number(index)] = value
    else measurements[name] = value
  }
  const hasRtmrs = rtmrs.some((rtmr) => rtmr !== undefined)
  const hasIntel = hasRtmrs || Object.keys(measurements).length > 0
  return {
    measurements: hasIntel ? { ...measurements, ...(hasRtmrs && { rtmrs }) } : undefined,
    pcrs: Object.keys(pcrs).length > 0 ? pcrs : undefined,
  }
}

function readHex(flag: string, text: string): Uint8Array {
  try {
    return hexToBytes(text)
  } catch (error) {
    if (error instanceof HexInvalidError) throw new AttestFlagError({ flag, value: text })
    throw error
  }
}

export class EvidenceFileError extends WeightlessError {
  constructor(facts: { path: string; reason: string }) {
    super('cli/evidence-file', `This file cannot be verified: ${facts.reason}`, facts)
  }
}

export class AttestFlagError extends WeightlessError {
  constructor(facts: { flag: string; value: string }) {
    super('cli/attest-flag', `${facts.flag} does not take this.`, facts, {
      hint: 'see weightless attest verify --help',
    })
  }
}
