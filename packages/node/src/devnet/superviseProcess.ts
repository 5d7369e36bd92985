/**
 * Keeps one child process running: started again after a crash, ever more rarely; stopped when told to. The child ends
 * by itself when its standard input does, so that none is left over when this process is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { WeightlessError } from '@weightless/codec'

export type SupervisedProcess = {
  /** Resolves when the child has said that it is open. Does nothing where it runs. @throws {ProcessFailedError} */
  start(): Promise<void>
  /** Resolves when the child is gone; it is not started again. */
  stop(): Promise<void>
  isRunning(): boolean
  pid(): number | undefined
}

export type ProcessOptions = {
  name: string
  /** Arguments of this very Node. The child prints one line of JSON with `"type":"open"` when it is ready. */
  words: readonly string[]
  environment?: { readonly [name: string]: string }
  /** Given that line, each time. */
  onOpen?(line: unknown): void
  /** Told after each crash. */
  onCrash(reason: string): void
  openMsMax?: number
  /** It is not started again after so many crashes in a row; default: however many. */
  crashesMax?: number
}

const pauseMs = 300
const pauseMsMax = 15_000
/** A child that ran so long begins again with the shortest pause. */
const steadyMs = 30_000
/** A child that does not leave by then is killed. */
const leaveMs = 8_000
/** A process opens within a second or two; on a machine that has ten times as much to do as it can, within a minute. */
const openMsDefault = 120_000

type Life = { child: ChildProcess; opened: Promise<void>; ended: Promise<string>; startedMs: number }

export function superviseProcess(options: ProcessOptions): SupervisedProcess {
  let life: Life | undefined
  let wanted = false
  let crashes = 0
  let retry: NodeJS.Timeout | undefined

  function begin(): Life {
    clearTimeout(retry)
    const begun = beginLife(options)
    life = begun
    void begun.ended.then((reason) => {
      if (life === begun) life = undefined
      if (!wanted) return
      crashes = performance.now() - begun.startedMs > steadyMs ? 1 : crashes + 1
      options.onCrash(reason)
      if (crashes >= (options.crashesMax ?? Number.POSITIVE_INFINITY)) return
      retry = setTimeout(() => wanted && !life && begin(), Math.min(pauseMsMax, pauseMs * 2 ** crashes))
    })
    return begun
  }

  return {
    isRunning: () => life !== undefined,
    pid: () => life?.child.pid,
    start() {
      wanted = true
      return (life ?? begin()).opened
    },
    async stop() {
      wanted = false
      clearTimeout(retry)
      const current = life
      if (!current) return
      // Its end of input is what a child of a dead parent sees: the same way out for both.
      current.child.stdin?.end()
      const timer = setTimeout(() => current.child.kill('SIGKILL'), leaveMs)
      await current.ended
      clearTimeout(timer)
    },
  }
}

function beginLife({ name, words, environment, onOpen, openMsMax = openMsDefault }: ProcessOptions): Life {
  const child = spawn(process.execPath, words, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  // The child may be gone before its input is closed.
  child.stdin.on('error', () => undefined)
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => {
    told = (told + chunk.toString('utf8')).slice(-2_000)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(told.trim() || `ended with ${code ?? signal}`))
  })
  const opened = new Promise<void>((resolve, reject) => {
    const fail = (reason: string) => reject(new ProcessFailedError({ name, reason }))
    const timer = setTimeout(() => fail(`not open within ${openMsMax} ms`), openMsMax)
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('utf8')).slice(-10_000)
      const line = text
        .split('\n')
        .slice(0, -1)
        .find((each) => each.includes('"type":"open"'))
      if (line === undefined) return
      text = ''
      clearTimeout(timer)
      onOpen?.(JSON.parse(line))
      resolve()
    })
    void ended.then((reason) => {
      clearTimeout(timer)
      fail(reason)
    })
  })
  // Whoever starts it hears of it; a later life is nobody's to wait for.
  opened.catch(() => undefined)
  return { child, opened, ended, startedMs: performance.now() }
}

export class ProcessFailedError extends WeightlessError {
  constructor(facts: { name: string; reason: string }) {
    super('node/process-failed', 'A process did not open.', facts)
  }
}
