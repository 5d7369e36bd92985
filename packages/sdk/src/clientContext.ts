/** What the parts of a client share. */
import type { Env } from '@weightless/env'
import type { Ledger, LedgerAccount } from '@weightless/ledger'
import type { NetworkConfig } from './networkConfig.ts'

/** With `tasks`, large files are hashed and coded in its workers. */
export type ClientEnv = Pick<Env, 'network' | 'clock' | 'log' | 'random'> & Partial<Pick<Env, 'tasks'>>

/** What the parts of a client share. */
export type ClientContext = {
  config: NetworkConfig
  env: ClientEnv
  ledger: Ledger
  account: LedgerAccount | undefined
  apiKey: string | undefined
}
