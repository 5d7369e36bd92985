/** A node or indexer under test, spoken to over real HTTP; files made by rule; a folder that is removed afterwards. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesToHex, type Hex } from '@weightless/codec'
import { type FileTree, fileTree, segmentBytes, segmentDataBytes, segmentProof } from '@weightless/crypto'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import type { SegmentWithProofJson } from '../wire/index.ts'

export type RpcAnswerJson = {
  jsonrpc: string
  id: unknown
  result?: unknown
  error?: { code: number; message: string; data?: string }
}

export const chainId = 31337
export const flowAddress: Hex = '0x0acD94a8043bD9fD024BA049172b46d4a35E102d'

/** The network's LIN files. */
export function makeFile(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 7 + (i >> 8) * 13 + (i >> 16) * 31) & 0xff
  return bytes
}

export type TestFile = { bytes: Uint8Array; tree: FileTree; root: Hex; segment(index: number): SegmentWithProofJson }

export function openFile(bytes: Uint8Array): TestFile {
  const tree = fileTree(bytes)
  const root = bytesToHex(tree.root)
  return {
    bytes,
    tree,
    root,
    segment(index) {
      const data = new Uint8Array(segmentDataBytes(tree.shape, index))
      data.set(bytes.subarray(index * segmentBytes, index * segmentBytes + data.length))
      const { lemma, path } = segmentProof(tree, index)
      const proof = { lemma: lemma.map(bytesToHex), path }
      return { root, data: Buffer.from(data).toString('base64'), index, proof, fileSize: bytes.length }
    },
  }
}

export async function rpc(url: string, method: string, ...params: unknown[]): Promise<RpcAnswerJson> {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 0.123456789012345,
    method,
    ...(params.length > 0 ? { params } : {}),
  })
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  return (await response.json()) as RpcAnswerJson
}

export type World = {
  env: NodeEnv
  /** Another environment on the same folder, as after a restart. */
  openAgain(): NodeEnv
  /** Closes a service at the end of the test, whatever happens, unless the test did. */
  keep<Service extends { close(): Promise<void> }>(starting: Promise<Service>): Promise<Service>
}

/** Runs a test in an environment of its own and removes its folder. */
export async function withEnv(run: (world: World) => Promise<void>): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'weightless-storage-'))
  const closers: (() => Promise<void>)[] = []
  const open = (): NodeEnv => {
    const env = createNodeEnv({ dataFolder, log: 'silent' })
    closers.push(() => env.close())
    return env
  }
  const keep: World['keep'] = async (starting) => {
    const service = await starting
    let closing: Promise<void> | undefined
    const close = (): Promise<void> => {
      closing ??= service.close()
      return closing
    }
    closers.push(close)
    return { ...service, close }
  }
  try {
    await run({ env: open(), openAgain: open, keep })
  } finally {
    for (const close of closers.reverse()) await close()
    await rm(dataFolder, { recursive: true, force: true })
  }
}

/** Waits a minute at most: what takes a moment alone may take long beside everything else. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 2_400; i++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`never happened: ${what}`)
}
