/** `provider.json`: where the provider of a data folder is, for the commands that talk to it; there while it runs. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWhole } from '../writeWhole.ts'

export type ProviderFile = z.infer<typeof schema>

const schema = z.object({
  pid: z.int(),
  url: z.url(),
  controlUrl: z.url(),
  address: z.string(),
  model: z.string(),
  version: z.string(),
})

const pathIn = (folder: string): string => join(folder, 'provider.json')

export function writeProviderFile(folder: string, file: ProviderFile): void {
  const path = pathIn(folder)
  writeWhole(path, `${JSON.stringify(file)}\n`)
}

/** Undefined where there is none; what is no such file counts as none. */
export function readProviderFile(folder: string): ProviderFile | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(pathIn(folder), 'utf8')))
  } catch (fault) {
    if (fault instanceof z.ZodError || fault instanceof SyntaxError) return undefined
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fault
  }
}

/** Not that of another process, which may have taken over. */
export function removeProviderFile(folder: string, pid: number): void {
  if (readProviderFile(folder)?.pid === pid) rmSync(pathIn(folder), { force: true })
}
