/** `weightless storage start`: runs one storage node, for operators and for the devnet, which runs six. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { StorageNodeProcessOptions } from '@weightless/node/storageNode/runStorageNode'
import { type Command, InvalidArgumentError } from 'commander'
import { globalOptions, remark } from '../output.ts'
import { wholeNumber } from '../readNumber.ts'

type StartFlags = Pick<StorageNodeProcessOptions, 'port' | 'host'> & {
  rpc: string
  shard: NonNullable<StorageNodeProcessOptions['shard']> | 'none'
  indexer: string[]
  publicUrl?: string
  key?: string
  flow?: string
  chainId?: number
  log: 'text' | 'json' | 'silent'
  untilInputEnds?: boolean
  mine?: `0x${string}`
  mineShare: number
}

export function addStorageCommands(program: Command): void {
  const storage = program.command('storage').description('run a part of the storage network')
  storage
    .command('start')
    .description('run a storage node that keeps fragments; its data and its key are in --data-dir')
    .requiredOption('--rpc <url>', 'JSON-RPC of a chain node')
    .requiredOption('--indexer <url...>', 'indexers at which the node announces itself')
    .requiredOption(
      '--shard <id/count>',
      'the part of the flow whose data rows it takes, such as 2/4; none for a node of parity rows',
      readShard,
    )
    .requiredOption('--port <n>', 'where it listens', wholeNumber({ min: 0, max: 65_535 }))
    .option('--host <address>', 'the address to bind', '127.0.0.1')
    .option('--public-url <url>', 'where others reach it, if not at host and port')
    .option('--key <file>', 'its Ed25519 key, made where there is none; default: node.key in the data directory')
    .option('--flow <address>', 'the Flow contract; default: the devnet’s')
    .option('--chain-id <n>', 'default: the devnet’s', wholeNumber({ min: 1, max: 2 ** 53 - 1 }))
    .option('--log <form>', 'text, json or silent', 'text')
    .option(
      '--mine <file>',
      'mine with the account whose private key (0x and 64 hex digits) is in this file',
      readPrivateKey,
    )
    .option(
      '--mine-share <percent>',
      'share of one processor thread that mining takes',
      wholeNumber({ min: 1, max: 100 }),
      5,
    )
    .option('--until-input-ends', 'stop when standard input ends, as a child of another process')
    .action(async (flags: StartFlags, command: Command) => {
      const { json, dataDir } = globalOptions(command)
      // Only here, because the other commands should not wait for what they do not need, nor this one for theirs.
      const { runStorageNode } = await import('@weightless/node/storageNode/runStorageNode')
      const stopped = untilStopped(flags.untilInputEnds === true)
      const { rpc, indexer, key, flow, shard, mine, mineShare, ...rest } = flags
      const node = await runStorageNode({
        ...rest,
        rpcUrl: rpc,
        shard: shard === 'none' ? null : shard,
        indexerUrls: indexer,
        dataFolder: resolve(dataDir),
        ...(key && { keyFile: resolve(key) }),
        ...(flow && { flowAddress: flow as `0x${string}` }),
        ...(mine && { mining: { privateKey: mine, share: mineShare / 100 } }),
      })
      const opened = { type: 'open', url: node.url, nodeId: node.nodeId }
      if (json) process.stdout.write(`${JSON.stringify(opened)}\n`)
      else remark(`storage node ${node.nodeId} at ${node.url}; Ctrl-C stops it`)
      await stopped
      await node.close()
    })
}

/** Keys come in files: words of a command are seen by everybody on the machine. */
function readPrivateKey(file: string): `0x${string}` {
  let text = ''
  try {
    text = readFileSync(resolve(file), 'utf8').trim()
  } catch {
    throw new InvalidArgumentError('the file cannot be read.')
  }
  if (!/^0x[0-9a-fA-F]{64}$/.test(text)) throw new InvalidArgumentError('the file holds no private key.')
  return text as `0x${string}`
}

/** The library takes null for a missing value, so `none` stays a word. */
function readShard(text: string): NonNullable<StorageNodeProcessOptions['shard']> | 'none' {
  if (text === 'none') return text
  const [, id, count] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? []
  const [shardId, numShard] = [Number(id), Number(count)]
  if (!(numShard >= 1 && shardId < numShard && Number.isInteger(Math.log2(numShard))))
    throw new InvalidArgumentError('a part such as 2/4, of a power of two, or none is needed.')
  return { shardId, numShard }
}

function untilStopped(untilInputEnds: boolean): Promise<void> {
  return new Promise((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // A terminal passes Ctrl-C to children too: those end when their parent closes their input.
      process.on(signal, () => (untilInputEnds && signal === 'SIGINT' ? undefined : stop()))
    }
    if (!untilInputEnds) return
    process.stdin.resume()
    process.stdin.once('end', () => stop())
    process.stdin.once('error', () => stop())
  })
}
