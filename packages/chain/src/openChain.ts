/** Puts the chain together: state on disk, engine, pool, consensus of one, and JSON-RPC on demand. */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { openAccounts } from './accounts.ts'
import { createAudience } from './consensus/audience.ts'
import { createBlockTime } from './consensus/blockTime.ts'
import { SoloDriver } from './consensus/soloDriver.ts'
import type { Engine } from './engine.ts'
import { openChainState } from './execution/chainState.ts'
import { EmbeddedEngine } from './execution/embeddedEngine.ts'
import type { GenesisAlloc } from './execution/genesis.ts'
import { chainLimits, paceLimits, poolLimits, rpcLimits } from './limits.ts'
import { Mempool } from './mempool/mempool.ts'
import type { RpcContext } from './rpc/rpcContext.ts'
import { type RpcServeOptions, type RpcServer, serveRpc } from './rpc/serveRpc.ts'
import { createSenderRecovery } from './transactions/senderRecovery.ts'

export type ChainOptions = {
  env: Env
  /** Folder of `env.disk` that holds the chain; it comes into being when absent. */
  folder: string
  chainId: number
  /** `timestampSeconds` is that of block 0. Same genesis, same block hash. */
  genesis: { alloc: GenesisAlloc; timestampSeconds?: number }
  /** Earns the tips; the zero address by default. */
  coinbase?: Hex
  /** Private keys that eth_sendTransaction and eth_sign use, for callers on loopback only. */
  accounts?: readonly Hex[]
  limits?: {
    pool?: Partial<typeof poolLimits>
    pace?: Partial<typeof paceLimits>
    rpc?: Partial<typeof rpcLimits>
  }
}

export type Chain = {
  chainId: number
  /** The execution side, for another consensus to drive. */
  engine: Engine
  head(): { number: number; hash: Hex; timestampSeconds: number; stateRoot: Hex }
  /** Serves JSON-RPC over HTTP and WebSocket on one port; loopback unless `host` says otherwise. @throws {PortInUseError} */
  serve(options: RpcServeOptions): Promise<RpcServer>
  /** Finishes the block under way, ends all servers, closes the files. */
  close(): Promise<void>
}

/**
 * Loads the chain in `folder`, or begins it with the genesis block, and starts to make blocks.
 * @throws {DataFolderNewerError | DataFolderForeignError} the folder is of a newer version, another chain id or genesis
 * @throws {DataFolderCorruptError | LogCorruptError | StateMissingError} a file is damaged; the error names it
 */
export async function openChain(options: ChainOptions): Promise<Chain> {
  const { chainId } = options
  const env = { ...options.env, log: options.env.log.child('chain') }
  const state = await openChainState({
    disk: env.disk.folder(options.folder),
    log: env.log,
    chainId,
    alloc: options.genesis.alloc,
    genesisTimestamp: options.genesis.timestampSeconds ?? 0,
  })
  const recovery = createSenderRecovery(env.tasks, env.clock)
  const engine = new EmbeddedEngine({ state, recovery, chainId })
  const { clock } = env
  const pace = { ...paceLimits, ...options.limits?.pace }
  const pool = new Mempool({
    clock,
    chain: engine,
    recovery,
    chainId,
    blockGasLimit: chainLimits.blockGasLimit,
    limits: { ...poolLimits, ...options.limits?.pool },
  })
  engine.usePool(pool)
  const audience = createAudience(clock, pace.audienceMemoryMs)
  const blockTime = createBlockTime(clock, engine.head.header.timestamp)
  const driver = new SoloDriver({
    engine,
    clock,
    random: env.random,
    log: env.log,
    audience,
    blockTime,
    pace,
    coinbase: options.coinbase ? hexToBytes(options.coinbase) : new Uint8Array(20),
    head: () => ({ hash: engine.head.hash, timestamp: engine.head.header.timestamp }),
    hasWork: () => pool.hasRunnable(),
  })
  pool.added.listen(() => driver.noteWork())
  const accounts = openAccounts((options.accounts ?? []).map(hexToBytes))
  const limits = { ...rpcLimits, ...options.limits?.rpc }
  const context: RpcContext = { env, engine, evm: state.evm, pool, driver, blockTime, audience, accounts, limits }
  driver.start()
  return assemble(context, { closeState: () => state.close() })
}

function assemble(context: RpcContext, { closeState }: { closeState(): Promise<void> }): Chain {
  const { engine, driver } = context
  const servers: RpcServer[] = []
  return {
    chainId: engine.chainId,
    engine,
    head() {
      const { header, hash } = engine.head
      return {
        number: header.number,
        hash: bytesToHex(hash),
        timestampSeconds: header.timestamp,
        stateRoot: bytesToHex(header.stateRoot),
      }
    },
    async serve(options) {
      const server = await serveRpc(context, options)
      servers.push(server)
      return server
    },
    async close() {
      await Promise.all(servers.map((server) => server.close()))
      await driver.stop()
      await closeState()
    },
  }
}
