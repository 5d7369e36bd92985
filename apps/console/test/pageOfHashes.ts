/** What `journeys/agreeOnHashes.ts` runs in a page: names and hashes of all that the engine can compute. */
import { runEveryKernel } from '../../../packages/tensor/src/selfCheck/everyKernel.cases.ts'

Object.assign(globalThis, { hashes })

async function hashes(): Promise<string[][]> {
  const found: string[][] = []
  for await (const { name, hash } of runEveryKernel(read)) found.push([name, hash])
  return found
}

async function read(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(`/repository/${path}`)).arrayBuffer())
}
