/** States of a trusted computing base as Intel names them, and how those of platform, TDX module and quoting enclave become one. */
export const tcbStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
] as const

export type TcbStatus = (typeof tcbStatuses)[number]

export type TcbJudgement = { status: TcbStatus; advisoryIds: readonly string[] }

/** States that Intel gives to a quoting enclave and to a TDX module. */
export const partStatuses = ['UpToDate', 'OutOfDate', 'Revoked'] as const

/**
 * A part that is out of date, or revoked, makes the whole so; otherwise the platform's state stands. What needed configuration
 * still does. Source: the convergence of Intel's quote verification library. Advisories are those of all parts, each once.
 */
export function combineTcb(platform: TcbJudgement, part: TcbJudgement): TcbJudgement {
  const advisoryIds = [...new Set([...platform.advisoryIds, ...part.advisoryIds])]
  return { status: combineStatus(platform.status, part.status), advisoryIds }
}

function combineStatus(platform: TcbStatus, part: TcbStatus): TcbStatus {
  if (platform === 'Revoked' || part === 'Revoked') return 'Revoked'
  if (part !== 'OutOfDate') return platform
  return needsConfiguration(platform) ? 'OutOfDateConfigurationNeeded' : 'OutOfDate'
}

/**
 * A domain that was launched on an old platform which has been updated under it: it is as old as its launch says, but
 * launching it again helps.
 * @param launched - state by what was measured at launch
 * @param current - by what runs now
 */
export function adviseRelaunch(launched: TcbStatus, current: TcbStatus): TcbStatus {
  if (!launched.startsWith('OutOfDate') || current.startsWith('OutOfDate') || current === 'Revoked') return launched
  const needs = needsConfiguration(launched) || needsConfiguration(current)
  return needs ? 'TDRelaunchAdvisedConfigurationNeeded' : 'TDRelaunchAdvised'
}

function needsConfiguration(status: TcbStatus): boolean {
  return status.includes('Configuration')
}
