/** `weightless devnet` (and `npm start`): brings the whole system up on one screen and keeps it up until Ctrl-C. */
import type { DevnetEvent, DevnetOptions } from '@weightless/node/devnetOptions'
import { type Command, Option } from 'commander'
import { createDevnetScreen } from '../devnetScreen.ts'
import { globalOptions } from '../output.ts'
import { wholeNumber } from '../readNumber.ts'

type DevnetFlags = {
  portBase: number
  nodes: number
  providers: number
  host?: string
  allowOrigin?: string[]
  log: 'text' | 'json' | 'silent'
  model?: string
  weights: 'auto' | 'tiny' | 'none'
  firstLight: boolean
  console: boolean
  peers: boolean
  mine: boolean
  embeddings?: boolean
  finetune: boolean
  audits: boolean
  finetunePython?: string
}

export function addDevnetCommand(program: Command): void {
  program
    .command('devnet', { isDefault: false })
    .description('run the whole system on this machine: chain, storage, compute, console')
    .option('--port-base <n>', 'shift every port by n', wholeNumber({ min: 0, max: 50_000 }), 0)
    .option('--nodes <n>', 'storage nodes, each a process of its own', wholeNumber({ min: 1, max: 16 }), 6)
    .option(
      '--providers <n>',
      'providers of the model, each a process of its own with its own key and price',
      wholeNumber({ min: 1, max: 4 }),
      2,
    )
    .option('--host <address>', 'another loopback address; any other is refused, because everybody knows the keys')
    .option('--allow-origin <origin...>', 'let pages of this web site call the chain, besides pages of this machine')
    .addOption(
      new Option('--log <form>', 'what services remark, on standard error')
        .choices(['silent', 'text', 'json'])
        .default('silent'),
    )
    .option('--model <path>', 'serve this GGUF file instead of the default model')
    .addOption(
      new Option('--weights <kind>', 'auto: the default model; tiny: the small one in the repository')
        .choices(['auto', 'tiny', 'none'])
        .default('auto'),
    )
    .option('--no-first-light', 'do not do the main job once at the start')
    .option('--no-console', 'do not serve the console')
    .option('--no-peers', 'storage nodes know each other by the indexer alone, not by libp2p')
    .option('--no-mine', 'no storage node mines')
    .option('--embeddings', 'a provider of embeddings too (all-MiniLM-L6-v2; fetched once, 83 MB)')
    .option('--no-finetune', 'no fine-tuning provider')
    .option('--no-audits', 'no auditors, and no provider that is bad on purpose for them to find')
    .option(
      '--finetune-python <path>',
      'train with PyTorch: a Python that has what workers/peft/requirements.txt names',
    )
    .action(async (flags: DevnetFlags, command: Command) => {
      const { json, dataDir } = globalOptions(command)
      const onEvent = json ? printEvent : createDevnetScreen(dataDir)
      // From the first moment: a devnet that is half up is closed like any other.
      const stopped = untilStopped()
      // Only here: other commands should not wait until all of this is loaded.
      const { startDevnet } = await import('@weightless/node')
      const devnet = await startDevnet({ ...readFlags(flags), dataFolder: dataDir, log: flags.log, onEvent })
      await stopped
      if (!json) process.stderr.write('\nstopping …\n')
      await devnet.close()
    })
}

/** A terminal and the programs in between (npm, npx) both pass one Ctrl-C on; within this time it is the same one. */
const echoMs = 300

function readFlags(flags: DevnetFlags): DevnetOptions {
  const { portBase, nodes, host, model, weights, firstLight, console, peers, mine, allowOrigin } = flags
  const { embeddings, finetune, finetunePython, providers, audits } = flags
  return {
    portBase,
    nodes,
    storageProcesses: true,
    providers,
    providerProcesses: true,
    weights,
    firstLight,
    console,
    peers,
    mining: mine,
    fineTuning: finetune,
    audits,
    ...(embeddings && { embeddings }),
    ...(finetunePython && { fineTuningPython: finetunePython }),
    ...(host && { host }),
    ...(allowOrigin && { allowedOrigins: allowOrigin }),
    ...(model && { modelPath: model }),
  }
}

function printEvent(event: DevnetEvent): void {
  process.stdout.write(
    `${JSON.stringify(event, (_name, value) => (typeof value === 'bigint' ? value.toString() : value))}\n`,
  )
}

/** Resolves at the first signal, or when nobody reads any more; a second signal ends the process at once. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let firstMs: number | undefined
    const stop = () => {
      if (firstMs === undefined) {
        firstMs = performance.now()
        resolve()
      } else if (performance.now() - firstMs > echoMs) process.exit(130)
    }
    process.stdout.once('error', () => resolve())
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    process.on('SIGHUP', stop)
  })
}
