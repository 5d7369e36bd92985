/** Bundles one module with all that it imports, as code that a page can run. */
import { build } from 'vite'

/** @param entry - path of a TypeScript module */
export async function bundlePage(entry: string): Promise<string> {
  const lib = { entry, formats: ['es' as const], fileName: 'page' }
  const built = await build({ configFile: false, logLevel: 'error', build: { write: false, lib } })
  const [{ output }] = built as unknown as [{ output: [{ code: string }] }]
  return output[0].code
}
