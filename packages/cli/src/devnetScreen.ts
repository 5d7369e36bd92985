/** The one screen of `npm start`: each service as it opens, the funded key, three commands to try, first light. */

import { readDevnetFile } from '@weightless/node/devnetFile'
import type { DevnetEvent } from '@weightless/node/devnetOptions'
import { commandLine } from './commandLine.ts'
import { fitLine } from './fitLine.ts'
import { formatBytes, formatDuration, formatTokens } from './output.ts'
import { printable } from './printable.ts'
import { createProgressBar, createProgressLines, type ProgressBar } from './progressBar.ts'

export function createDevnetScreen(dataFolder: string): (event: DevnetEvent) => void {
  const print = (text = '') => process.stdout.write(`${fitLine(text, process.stdout.columns)}\n`)
  const { isTTY } = process.stdout
  let bar: ProgressBar | undefined
  print(`\n  ${bold('weightless')} ${dim('the open AI operating system, on this machine')}\n`)
  return (event) => {
    if (event.type === 'weights') {
      bar ??= isTTY ? createProgressBar(`  ${dim('◌')} model`) : createProgressLines(event.model, print)
      bar.update(event.doneBytes, event.totalBytes)
      return
    }
    bar?.finish()
    bar = undefined
    if (event.type === 'first-light-token') process.stdout.write(printable(event.text))
    else for (const line of describeEvent(event, dataFolder)) print(line)
  }
}

function describeEvent(event: DevnetEvent, dataFolder: string): string[] {
  switch (event.type) {
    case 'ports':
      return [`  ${yellow('!')} ${describeBusy(event.busyPorts)} busy; using --port-base ${event.portBase}`]
    case 'weights':
    case 'first-light-token':
      return []
    case 'service':
      return [
        row(green('●'), event.name, event.url, [formatDuration(event.tookMs), event.note].filter(Boolean).join(', ')),
      ]
    case 'mining': {
      const note = `${100 * event.share} % of a thread while it pays; rewards to ${event.account}`
      return [row(green('●'), 'mining', `storage node ${event.node}`, note)]
    }
    case 'weights-ready':
      return [row(green('●'), 'weights', event.model, `${formatBytes(event.sizeBytes)}, from ${event.origin}`)]
    case 'weights-missing':
      return [
        `  ${yellow('!')} ${event.model} could not be had: ${event.reason}`,
        event.fallback
          ? `    serving ${bold(event.fallback)} instead: a tiny model of our own, it does not answer usefully`
          : '    compute stays closed; give a GGUF with --model PATH',
      ]
    case 'weights-stored':
      return [row(green('●'), 'model root', event.root, `in the storage network, ${formatDuration(event.tookMs)}`)]
    case 'model-open':
      return [row(green('●'), 'model open', event.model, `provider ${event.provider}`)]
    case 'fine-tuning-open':
      return [row(green('●'), 'fine-tuning', event.model, event.url)]
    case 'audits-open': {
      const { layer, tensor, ulps } = event.drift
      return [
        row(green('●'), 'audits', `${event.auditors.length} auditors`, 'a round every two minutes, later every twenty'),
        row(
          green('●'),
          'planted',
          event.planted,
          `bad on purpose: layer ${layer}, ${tensor}, ${ulps} ulp; nobody is sent to it`,
        ),
      ]
    }
    case 'plant-slashed':
      return [
        row(
          green('●'),
          'found',
          event.planted,
          `the planted provider lost ${formatTokens(event.takenWei)} of its stake`,
        ),
      ]
    case 'ready':
      return describeReady(event.tookMs, dataFolder)
    case 'warning':
      return [`  ${yellow('!')} ${event.message}${event.hint ? ` ${dim(event.hint)}` : ''}`]
    default:
      return describeFirstLight(event)
  }
}

function describeReady(tookMs: number, dataFolder: string): string[] {
  const devnet = readDevnetFile(dataFolder)
  // Not account 0: the contracts stand where its third, seventh and thirteenth deployments would go.
  const account = devnet?.chain.accounts[1]
  return [
    `\n  ${bold('ready')} in ${formatDuration(tookMs)}   ${dim(`chain id ${devnet?.chain.chainId ?? ''}, state in ${dataFolder}`)}`,
    ...(account ? [`  ${dim('funded key')}  ${account.privateKey}`, `  ${dim('address')}     ${account.address}`] : []),
    ...(devnet?.compute ? [`  ${dim('api key')}     ${devnet.compute.apiKey}`] : []),
    `\n  ${dim('try')}  ${commandLine('file upload README.md', dataFolder)}`,
    `       ${commandLine('chat "What is a Merkle tree?"', dataFolder)}`,
    `       ${commandLine('doctor', dataFolder)}`,
    `\n  ${dim('open')} ${devnet?.console.url ?? ''}   ${dim('Ctrl-C stops; the state stays')}\n`,
  ]
}

function describeFirstLight(event: Extract<DevnetEvent, { type: `first-light${string}` }>): string[] {
  switch (event.type) {
    case 'first-light-stored': {
      const note = `${formatBytes(event.sizeBytes)}, block ${event.blockNumber}, ${formatTokens(event.feeWei)} tokens`
      return [`  ${bold('first light')}`, ...step('stored', event.root, note)]
    }
    case 'first-light-question':
      return [...step('asked', event.text, event.model), '    answer']
    case 'first-light-answered': {
      const note = `${event.tokens} tokens in ${formatDuration(event.tookMs)}, ${formatTokens(event.feeWei)} tokens to pay`
      return ['', ...step('receipt', event.receiptId, note)]
    }
    case 'first-light-verified':
      return step(event.accepted ? 'verified' : 'REFUSED', event.detail, formatDuration(event.tookMs))
    case 'first-light-settled': {
      const what = `block ${event.blockNumber}, ${formatTokens(event.paidWei)} tokens paid`
      return [...step('settled', what, event.transactionHash), '']
    }
    case 'first-light-failed':
      return [`  ${red('✗')} first light failed at ${event.stage}: ${event.reason}`]
    default:
      return []
  }
}

function describeBusy(ports: readonly number[]): string {
  if (ports.length === 1) return `port ${ports[0]} is`
  const more = ports.length > portsShown ? ` and ${ports.length - portsShown} more` : ''
  return `ports ${ports.slice(0, portsShown).join(', ')}${more} are`
}

const portsShown = 3

function row(mark: string, name: string, what: string, note: string): string {
  return `  ${mark} ${name.padEnd(16)} ${what}  ${dim(note)}`
}

/** The note follows where the terminal has room for it, else it has a line of its own. */
function step(name: string, text: string, note: string): string[] {
  const mark = name === 'verified' ? green : name === 'REFUSED' ? red : (plain: string) => plain
  const line = `    ${mark(name.padEnd(9))} ${text}`
  const { columns } = process.stdout
  return !columns || 14 + text.length + 1 + note.length <= columns
    ? [`${line} ${dim(note)}`]
    : [line, `${' '.repeat(14)}${dim(note)}`]
}

const paint = (code: string) => (text: string) =>
  process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[${code}m${text}\x1b[0m` : text
const bold = paint('1')
const dim = paint('2')
const green = paint('32')
const yellow = paint('33')
const red = paint('31')
