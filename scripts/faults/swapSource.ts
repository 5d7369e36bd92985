/** Loaded with `--import` before a test: one module then has a check less than its file has. The file itself stays as it is. */
import { registerHooks } from 'node:module'
import { swapIn } from './swapIn.ts'

const swap = JSON.parse(process.env.WEIGHTLESS_SWAP!) as { url: string; check: string; without: string }

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (url !== swap.url) return loaded
    return { ...loaded, source: swapIn(Buffer.from(loaded.source as Uint8Array).toString('utf8'), swap) }
  },
})
