/**
 * A simulated disk: it forgets what was not synced when its host crashes, tears the last write, forgets names whose folder
 * was not synced, and returns injected errors. It outlives the lives of its host.
 */
import { concatBytes } from '@weightless/codec'
import { joinDiskPath } from '../diskPath.ts'
import type { Disk, File, OpenMode } from '../env.ts'
import { DiskError, DiskFullError, FileMissingError } from '../faults.ts'
import { createInode, type Inode } from './simInode.ts'
import { type Life, settleLater, type World } from './world.ts'

export type SimDisk = {
  /** The disk as one life of the host sees it. */
  mount(life: Life): Disk
  /** What is left after a power cut. */
  crash(): void
  /** Operations so far that change the disk. */
  changeCount(): number
  /** Crashes the host in the middle of the n-th changing operation from now on; 1 is the next. */
  crashAtChange(n: number): void
  /** Reads and writes the present content directly: to flip a byte, to look at a file. */
  peek(path: string): Uint8Array | undefined
  poke(path: string, offset: number, bytes: Uint8Array): void
  paths(): string[]
}

/** A path and what it names from now on; undefined removes it. */
type Binding = readonly [path: string, inode: Inode | undefined]

type NameChange = { folder: string; undo: () => void }

export function createSimDisk(world: World, host: string, bytesMax: number, crashHost: () => void): SimDisk {
  const names = new Map<string, Inode>()
  let unsynced: NameChange[] = []
  let changes = 0
  let crashAt = 0

  const setName = (path: string, inode: Inode | undefined): void => {
    if (inode) names.set(path, inode)
    else names.delete(path)
  }
  const rename = (folder: string, bindings: readonly Binding[]): void => {
    const before = bindings.map(([path]): Binding => [path, names.get(path)])
    for (const [path, inode] of bindings) setName(path, inode)
    const undo = (): void => {
      for (const [path, inode] of before) setName(path, inode)
    }
    unsynced.push({ folder, undo })
  }
  /** Counts a change; true when the host has just crashed in it. */
  const change = (operation: string, path: string): boolean => {
    changes++
    world.loop.audit(`${host} disk ${operation} ${path}`)
    if (changes !== crashAt) return false
    crashHost()
    return true
  }
  const usedBytes = (): number => [...names.values()].reduce((sum, inode) => sum + inode.content().length, 0)

  return {
    mount: (life) => mountDisk({ world, life, names, rename, change, usedBytes, bytesMax, syncNames }, ''),
    crash: () => {
      // Names are journalled: a crash keeps the first few changes and forgets the rest.
      const kept = world.random.integer(unsynced.length + 1)
      for (let at = unsynced.length - 1; at >= kept; at--) {
        unsynced[at]!.undo()
        world.fire('folder change forgotten')
      }
      unsynced = []
      for (const inode of new Set(names.values())) {
        inode.crash(world.random, world.faults.sectorLossChance, world.fire)
      }
    },
    changeCount: () => changes,
    crashAtChange: (n) => {
      crashAt = changes + n
    },
    peek: (path) => names.get(path)?.content().slice(),
    poke: (path, offset, bytes) => {
      const inode = names.get(path)
      if (!inode) throw new FileMissingError({ path })
      inode.write(offset, bytes)
      inode.harden(inode.mark())
    },
    paths: () => [...names.keys()].sort(),
  }

  function syncNames(folder: string): void {
    const last = unsynced.findLastIndex((change) => change.folder === folder)
    unsynced = unsynced.slice(last + 1)
  }
}

type Mount = {
  world: World
  life: Life
  names: Map<string, Inode>
  /** Changes names of a folder in one step that a crash keeps or forgets whole. */
  rename(folder: string, bindings: readonly Binding[]): void
  change(operation: string, path: string): boolean
  usedBytes(): number
  bytesMax: number
  syncNames(folder: string): void
}

function mountDisk(mount: Mount, base: string): Disk {
  const { world, life, names } = mount
  const locate = (path: string): string => joinDiskPath(base, path)
  const done = <Value>(label: string, produce: () => Value): Promise<Value> => {
    const [low, high] = world.faults.diskLatencyMs
    return settleLater(world, life, world.random.between(low, high), `disk ${label} done`, produce)
  }
  return {
    open: (path, mode) => openFile(mount, locate(path), mode, done),
    list: (folder) => done('list', () => listFolder(names, locate(folder))),
    exists: (path) => done('exists', () => names.has(locate(path)) || listFolder(names, locate(path)).length > 0),
    remove: async (path) => {
      const place = locate(path)
      for (const name of [...names.keys()]) {
        if (!life.alive || (name !== place && !isInside(place, name))) continue
        mount.rename(folderOf(name), [[name, undefined]])
        mount.change('remove', name)
      }
      await done('remove', () => undefined)
    },
    rename: async (source, target) => {
      const inode = names.get(locate(source))
      if (!inode) throw new FileMissingError({ path: locate(source) })
      if (life.alive) {
        mount.rename(folderOf(locate(target)), [
          [locate(target), inode],
          [locate(source), undefined],
        ])
        mount.change('rename', locate(target))
      }
      await done('rename', () => undefined)
    },
    syncFolder: async (folder) => {
      if (life.alive && !mount.change('syncFolder', locate(folder))) {
        await done('syncFolder', () => mount.syncNames(locate(folder)))
      } else await done('never', () => undefined)
    },
    freeBytes: () => done('freeBytes', () => Math.max(0, mount.bytesMax - mount.usedBytes())),
    folder: (path) => mountDisk(mount, locate(path)),
  }
}

type Done = <Value>(label: string, produce: () => Value) => Promise<Value>

async function openFile(mount: Mount, path: string, mode: OpenMode, done: Done): Promise<File> {
  let inode = mount.names.get(path)
  if (!inode && mode === 'create' && mount.life.alive) {
    inode = createInode()
    mount.rename(folderOf(path), [[path, inode]])
    mount.change('create', path)
  }
  await done('open', () => undefined)
  if (!inode) throw new FileMissingError({ path })
  return openInode(mount, path, inode, done)
}

function openInode({ world, life, change, usedBytes, bytesMax }: Mount, path: string, inode: Inode, done: Done): File {
  const mayFail = (operation: string): void => {
    if (!world.random.chance(world.faults.diskErrorChance)) return
    world.fire('disk error')
    throw new DiskError({ path, operation, reason: 'EIO' })
  }
  const read = (offset: number, length: number): Uint8Array => inode.content().slice(offset, offset + length)
  const write = (offset: number, bytes: Uint8Array): void => {
    if (!life.alive) return
    const grownBytes = Math.max(0, offset + bytes.length - inode.content().length)
    const isFull = usedBytes() + grownBytes > bytesMax || world.random.chance(world.faults.diskFullChance)
    if (isFull) {
      inode.write(offset, bytes.subarray(0, world.random.integer(bytes.length + 1)))
      world.fire('disk full')
      throw new DiskFullError({ path })
    }
    mayFail('write')
    inode.write(offset, bytes)
    change('write', path)
  }
  const attempt = async (label: string, run: () => void): Promise<void> => {
    let failure: unknown
    try {
      run()
    } catch (error) {
      failure = error
    }
    await done(label, () => {
      if (failure !== undefined) throw failure
    })
  }
  return {
    read: (offset, length) => {
      const bytes = read(offset, length)
      return done('read', () => {
        mayFail('read')
        return bytes
      })
    },
    readSync: read,
    write: (offset, bytes) =>
      attempt('write', () => write(offset, bytes instanceof Uint8Array ? bytes : concatBytes(bytes))),
    writeSync: write,
    sync: async () => {
      const mark = inode.mark()
      if (life.alive) change('sync', path)
      await done('sync', () => {
        if (!world.random.chance(world.faults.diskErrorChance)) return inode.harden(mark)
        inode.lose(mark)
        world.fire('disk error')
        throw new DiskError({ path, operation: 'sync', reason: 'EIO' })
      })
    },
    truncate: (length) =>
      attempt('truncate', () => {
        if (!life.alive) return
        inode.truncate(length)
        change('truncate', path)
      }),
    size: () => done('size', () => inode.content().length),
    close: () => done('close', () => undefined),
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function isInside(folder: string, path: string): boolean {
  return folder === '' || path.startsWith(`${folder}/`)
}

function listFolder(names: Map<string, Inode>, folder: string): string[] {
  const start = folder === '' ? 0 : folder.length + 1
  const found = new Set<string>()
  for (const path of names.keys()) if (isInside(folder, path)) found.add(path.slice(start).split('/')[0]!)
  return [...found].sort()
}
