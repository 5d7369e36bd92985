/** A program that is spoken to in lines over its standard input and output; of what it writes to standard error no user's word gets into the log. */
import { spawn } from 'node:child_process'
import type { LineProcess } from '@weightless/compute/finetune/processWorker'
import type { Log } from '@weightless/env'

/** An adapter in base64 is the longest line. */
const lineBytesMax = 512 * 1024 * 1024

export function startLineProcess(command: string, args: readonly string[], log: Log): LineProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal ?? `code ${code}`))
  })
  child.stdin.on('error', () => undefined)
  let isBlind = false
  // Once it was told something, what it writes may quote the user's data, which stands in no log.
  child.stderr.on('data', (piece: Buffer) =>
    log.debug('worker wrote', isBlind ? { bytes: piece.length } : { text: piece.toString('utf8').slice(-500) }),
  )
  return {
    send(line) {
      isBlind = true
      child.stdin.write(`${line}\n`)
    },
    lines: linesOf(child.stdout, gone),
    async close() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function* linesOf(source: AsyncIterable<Buffer>, gone: Promise<string>): AsyncGenerator<string> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const piece of source) {
    let rest = piece
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      yield Buffer.concat([...parts, rest.subarray(0, end)]).toString('utf8')
      parts = []
      bytes = 0
      rest = rest.subarray(end + 1)
    }
    bytes += rest.length
    if (bytes > lineBytesMax) throw new Error(`a line of more than ${lineBytesMax} bytes`)
    parts.push(rest)
  }
  throw new Error(`the program ended: ${await gone}`)
}

const newline = 0x0a
