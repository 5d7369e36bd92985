/** Which packages llama.cpp needs on which machine, as a package file and a lock for npm; made from the pinned ones in `engines/llama`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { z } from 'zod'

export type EngineGpu = 'none' | 'cuda' | 'vulkan'

export type EngineMachine = { platform: string; arch: string; libc: 'glibc' | 'other' | undefined }

export type EnginePlan = {
  /** Of node-llama-cpp. */
  version: string
  /** Binaries, beside the library. */
  packages: string[]
  /** The contents of `package.json` and `package-lock.json`. */
  packageFile: string
  lockFile: string
}

const library = 'node-llama-cpp'
const scope = '@node-llama-cpp'
const pinned = join(import.meta.dirname, '../../engines/llama')

/** Binaries by platform and processor; `mac-arm64-metal` has its GPU with it. */
const binaries: Readonly<Record<string, { none: string[]; cuda?: string[]; vulkan?: string[] }>> = {
  'linux-x64': {
    none: ['linux-x64'],
    cuda: ['linux-x64', 'linux-x64-cuda', 'linux-x64-cuda-ext'],
    vulkan: ['linux-x64', 'linux-x64-vulkan'],
  },
  'linux-arm64': { none: ['linux-arm64'] },
  'darwin-arm64': { none: ['mac-arm64-metal'] },
  'darwin-x64': { none: ['mac-x64'] },
  'win32-x64': {
    none: ['win-x64'],
    cuda: ['win-x64', 'win-x64-cuda', 'win-x64-cuda-ext'],
    vulkan: ['win-x64', 'win-x64-vulkan'],
  },
  'win32-arm64': { none: ['win-arm64'] },
}

const lockSchema = z.looseObject({
  packages: z.record(z.string(), z.looseObject({ version: z.string().optional(), optional: z.boolean().optional() })),
})

/** @throws {EnginePlatformError} nothing is built for it */
export function planEngine({ platform, arch, libc }: EngineMachine, gpu: EngineGpu): EnginePlan {
  const names = binaries[`${platform}-${arch}`]?.[gpu]
  if (!names || libc === 'other') throw new EnginePlatformError({ platform, arch, libc, gpu })
  const file = JSON.parse(readFileSync(join(pinned, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const lock = lockSchema.parse(JSON.parse(readFileSync(join(pinned, 'package-lock.json'), 'utf8')))
  const version = file.dependencies[library]!
  const packages = names.map((name) => `${scope}/${name}`)
  const dependencies = { ...file.dependencies, ...Object.fromEntries(packages.map((name) => [name, version])) }
  // All binaries are optional for the library, and optional ones are left out: these become needed.
  for (const name of packages) {
    const entry = lock.packages[`node_modules/${name}`]
    if (!entry) throw new EnginePlatformError({ platform, arch, libc, gpu })
    delete entry.optional
  }
  lock.packages[''] = { ...lock.packages[''], dependencies }
  return {
    version,
    packages,
    packageFile: `${JSON.stringify({ ...file, dependencies }, null, 2)}\n`,
    lockFile: `${JSON.stringify(lock, null, 2)}\n`,
  }
}

/** This machine. A C library that is not glibc shows in what Node says of itself. */
export function thisMachine(): EngineMachine {
  const { platform, arch } = process
  if (platform !== 'linux') return { platform, arch, libc: undefined }
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return { platform, arch, libc: header.glibcVersionRuntime ? 'glibc' : 'other' }
}

export class EnginePlatformError extends WeightlessError {
  constructor(facts: { platform: string; arch: string; libc: string | undefined; gpu: string }) {
    super('node/engine-platform', 'There is no prebuilt llama.cpp for this machine and this kind of GPU.', facts, {
      hint: 'Run llama-server or Ollama yourself, and sell it with `weightless provider start --upstream`.',
    })
  }
}
