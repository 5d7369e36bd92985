/** What every journey gets: a browser, a network, and a place to write down what is wrong. */
import type { Browser } from 'playwright-core'

export type Stage = {
  browser: Browser
  /** Of the console. */
  url: string
  faults: string[]
  /** How long the first model may take to open. */
  modelWaitMs: number
}
