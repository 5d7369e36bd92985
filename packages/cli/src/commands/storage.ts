/** `weightless storage`: runs one storage node, for operators and for the devnet, which runs six; says what mining earns. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createNodeEnv } from '@weightless/env/node'
import type { StorageNodeProcessOptions } from '@weightless/node/storageNode/runStorageNode'
import { type Command, InvalidArgumentError } from 'commander'
import { formatTokens, globalOptions, printResult, remark } from '../output.ts'
import { decimalNumber, wholeNumber } from '../readNumber.ts'
import { addSnapshot } from './storageSnapshot.ts'
import { addStake } from './storageStake.ts'

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
  mineLeast: number
  peerPort?: number
  peer?: string[]
}

export function addStorageCommands(program: Command): void {
  const storage = program.command('storage').description('run a part of the storage network')
  addForecast(storage)
  addSnapshot(storage)
  addStake(storage)
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
    .option(
      '--mine-least <tokens>',
      'what an answer must pay; while less is due for what the node keeps, it does not mine',
      decimalNumber({ min: 0, max: 1e9 }),
      0,
    )
    .option(
      '--peer-port <n>',
      'join the other nodes by libp2p, listening on this TCP port of the host',
      wholeNumber({ min: 0, max: 65_535 }),
    )
    .option('--peer <multiaddr...>', 'nodes to begin with, such as /ip4/192.0.2.7/tcp/5700; they need not be up yet')
    .option('--until-input-ends', 'stop when standard input ends, as a child of another process')
    .action(async (flags: StartFlags, command: Command) => {
      const { json, dataDir } = globalOptions(command)
      // Only here, because the other commands should not wait for what they do not need, nor this one for theirs.
      const { runStorageNode } = await import('@weightless/node/storageNode/runStorageNode')
      const stopped = untilStopped(flags.untilInputEnds === true)
      const { rpc, indexer, key, flow, shard, mine, mineShare, mineLeast, peerPort, peer, ...rest } = flags
      const node = await runStorageNode({
        ...rest,
        rpcUrl: rpc,
        shard: shard === 'none' ? null : shard,
        indexerUrls: indexer,
        dataFolder: resolve(dataDir),
        ...(key && { keyFile: resolve(key) }),
        ...(flow && { flowAddress: flow as `0x${string}` }),
        ...(peerPort !== undefined && { p2p: { listen: listenAt(flags.host, peerPort), bootstrap: peer ?? [] } }),
        ...(mine && { mining: { privateKey: mine, share: mineShare / 100, leastPayWei: toWei(mineLeast) } }),
      })
      const opened = { type: 'open', url: node.url, nodeId: node.nodeId }
      if (json) process.stdout.write(`${JSON.stringify(opened)}\n`)
      else remark(`storage node ${node.nodeId} at ${node.url}; Ctrl-C stops it`)
      await stopped
      await node.close()
    })
}

function listenAt(host: string | undefined, port: number): number | string[] {
  if (host === undefined || host === '127.0.0.1') return port
  return [`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${port}`]
}

const toWei = (tokens: number): bigint => BigInt(Math.round(tokens * 1e9)) * 10n ** 9n

type ForecastFlags = { rpc: string; disk: number; read: number; recalls: number; cost: number }

/** `weightless storage expect-reward`: what mining would earn on the chain as it is. */
function addForecast(storage: Command): void {
  const positive = decimalNumber({ min: 0, max: 1e9 })
  storage
    .command('expect-reward')
    .description('say what mining is expected to earn a day, after gas and costs')
    .requiredOption('--rpc <url>', 'JSON-RPC of a chain node')
    .requiredOption('--disk <gigabytes>', 'stored data that the miner keeps', positive)
    .requiredOption('--read <megabytes>', 'random reads of its disk in a second', positive)
    .option('--recalls <n>', 'loads that its processor tries in a second', positive, 3_500)
    .option('--cost <tokens>', 'what it costs to run, in a day', positive, 0)
    .action(async (flags: ForecastFlags, command: Command) => {
      const { dataDir } = globalOptions(command)
      const { forecastMining } = await import('@weightless/node/storageNode/forecastMining')
      const env = createNodeEnv({ dataFolder: dataDir, log: 'silent', workersMax: 1 })
      try {
        const plan = {
          diskBytes: flags.disk * 1e9,
          readBytesPerSecond: flags.read * 1e6,
          hashedRecallsPerSecond: flags.recalls,
          costWeiPerDay: toWei(flags.cost),
        }
        const { network, expected } = await forecastMining({ env, rpcUrl: flags.rpc, plan })
        const { share, answersPerDay, recallsPerSecond, limitedBy, breakEvenPricePerSectorWei: price } = expected
        printResult(command, { ...expected, network }, [
          `share of all answers  ${(100 * share).toFixed(4)} %, ${answersPerDay.toFixed(1)} a day`,
          `loads tried           ${recallsPerSecond.toFixed(0)} a second, limited by ${limitedBy}`,
          `earned a day          ${formatTokens(expected.rewardWeiPerDay)} tokens`,
          `gas a day             ${formatTokens(expected.gasWeiPerDay)} tokens`,
          `left a day            ${formatSigned(expected.netWeiPerDay)} tokens`,
          `breaks even at        ${price === undefined ? 'no price' : `${price} wei per sector`} (now ${network.pricePerSectorWei})`,
        ])
      } finally {
        await env.close()
      }
    })
}

const formatSigned = (wei: bigint): string => (wei < 0n ? `-${formatTokens(-wei)}` : formatTokens(wei))

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
