/** Serves the built console and the description of this network that it starts from. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import type { HttpHandler, HttpResponse, Network, Server } from '@weightless/env'
import { answerStorageControl, type SwitchableNode } from './devnet/storageControl.ts'

export type ConsoleOptions = {
  port: number
  host: string
  /** The console's `dist`; without it a page says how to build it. */
  folder: string
  /** Answered at `/config.json`; asked anew at each request, because services open one by one. */
  config: () => object
  /** Storage nodes that the user may stop and start. */
  storageNodes: readonly SwitchableNode[]
}

export function serveConsole(network: Network, options: ConsoleOptions): Promise<Server> {
  return network.serve({ port: options.port, host: options.host, handler: answerConsole(options), bodyBytesMax: 1024 })
}

function answerConsole({ folder, config, storageNodes }: ConsoleOptions): HttpHandler {
  return async (request) => {
    const control = await answerStorageControl(storageNodes, request)
    if (control) return control
    if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, headers: { allow: 'GET, HEAD' } }
    if (request.path === '/config.json') return answerConfig(config())
    if (!existsSync(join(folder, 'index.html'))) return { status: 503, headers: plain, body: notBuilt }
    const asset = await readAsset(folder, request.path)
    const found = asset ?? (await readAsset(folder, '/index.html'))
    return request.method === 'HEAD' && found
      ? { status: found.status, ...(found.headers && { headers: found.headers }) }
      : (found ?? { status: 404 })
  }
}

function answerConfig(config: object): HttpResponse {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(config),
  }
}

async function readAsset(folder: string, path: string): Promise<HttpResponse | undefined> {
  const relative = decodePath(path)
  const extension = relative && extname(relative)
  const type = extension && contentTypes[extension]
  if (!relative || !type) return undefined
  const body = await readFile(join(folder, relative)).catch(() => undefined)
  if (!body) return undefined
  const caching = relative.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
  return { status: 200, headers: { 'content-type': type, 'cache-control': caching, ...safetyHeaders }, body }
}

/** The path inside the folder, or undefined for anything that would leave it. */
function decodePath(path: string): string | undefined {
  try {
    const relative = normalize(decodeURIComponent(path)).replaceAll('\\', '/').replace(/^\/+/, '')
    return relative.startsWith('..') || relative.includes('\0') ? undefined : relative
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

const plain = { 'content-type': 'text/plain; charset=utf-8' }
const notBuilt = 'The console is not built yet. Run: node scripts/setup.mjs --console\n'
const safetyHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'content-security-policy':
    "default-src 'self'; connect-src *; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; frame-ancestors 'none'",
}
const contentTypes: { readonly [extension: string]: string } = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
}
