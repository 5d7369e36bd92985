/**
 * The world as a page or a worker has it (and as Node has it too): clock, randomness, fetch, WebSockets, console. What a
 * page does not have is not pretended: there is no server, no disk and no task pool.
 */
import type { Env, Log } from '../env.ts'
import { createPlainMetrics } from '../plainMetrics.ts'
import { connectBrowser } from './connectBrowser.ts'
import { fetchBrowser } from './fetchBrowser.ts'
import { ServerUnavailableError } from './serverUnavailableError.ts'
import { webClock } from './webClock.ts'

export type BrowserEnv = Pick<Env, 'clock' | 'random' | 'network' | 'log' | 'metrics'>

export function createBrowserEnv(): BrowserEnv {
  return {
    clock: webClock,
    random: { bytes: randomBytes },
    network: {
      fetch: fetchBrowser,
      connect: connectBrowser,
      serve: () => Promise.reject(new ServerUnavailableError()),
    },
    log: createBrowserLog(''),
    metrics: createPlainMetrics(),
  }
}

/** `getRandomValues` gives at most 65,536 bytes at once. */
function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  for (let at = 0; at < count; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

/** Warnings and errors only: a page's console belongs to the page. */
function createBrowserLog(scope: string): Log {
  return {
    debug: () => {},
    info: () => {},
    warn: (event, facts) => console.warn(scope + event, facts ?? ''),
    error: (event, facts) => console.error(scope + event, facts ?? ''),
    child: (name) => createBrowserLog(`${scope}${name}: `),
  }
}
