/** `devnet.json`: where everything of a running devnet is; written atomically, readable by its user alone. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hex } from '@weightless/codec'
import { writeWhole } from './writeWhole.ts'

/** Only what runs is listed: a service that is not there has no key. */
export type DevnetFile = {
  chain: { rpcUrl: string; wsUrl: string; chainId: number; accounts: { address: Hex; privateKey: Hex }[] }
  contracts: { [name: string]: Hex }
  /** The indexer is also the gateway that takes whole files; the nodes keep their coded rows. */
  storage: {
    indexerUrl: string
    nodeUrls: string[]
    /** Multiaddresses of the gateway, by which further nodes join (`storage start --peer`); absent without peers. */
    peers?: string[]
    /** Which node mines, counted from 1, and the account that is paid. */
    mining?: { node: number; account: Hex }
  }
  kv?: { url: string }
  s3?: { url: string; accessKeyId: string; secretAccessKey: string }
  da?: { [name: string]: string }
  compute: {
    gatewayUrl: string
    apiKey: string
    managementKey: string
    /** Opens the status and metrics of the devnet's own providers; it is to be sent to no other. */
    operatorToken: string
    providers: { address: Hex; url: string; models: string[] }[]
    fineTuning?: { address: Hex; url: string; models: string[] }
  }
  console: { url: string }
}

export function devnetFilePath(dataFolder: string): string {
  return join(dataFolder, 'devnet.json')
}

export function writeDevnetFile(dataFolder: string, file: DevnetFile): void {
  const path = devnetFilePath(dataFolder)
  writeWhole(path, `${JSON.stringify(file, null, 2)}\n`)
}

/** The file of a devnet that runs or ran in this folder; undefined if there was none. */
export function readDevnetFile(dataFolder: string): DevnetFile | undefined {
  try {
    return JSON.parse(readFileSync(devnetFilePath(dataFolder), 'utf8')) as DevnetFile
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
