/** A log that remembers faults which nobody foresaw: what a handler throws and its server only can call an internal error. */
import type { Log } from '@weightless/env'

export type WatchedLog = Log & { unforeseen: string[] }

const events = new Set(['rpc method failed', 'request failed', 'handler failed'])

export function createWatchedLog(): WatchedLog {
  const unforeseen: string[] = []
  const note: Log['error'] = (event, facts) => {
    if (events.has(event)) unforeseen.push(`${event} ${JSON.stringify(facts)}`)
  }
  const ignore = (): void => undefined
  const log: WatchedLog = { unforeseen, debug: ignore, info: ignore, warn: note, error: note, child: () => log }
  return log
}
