/** When a child process is to end: as soon as its input does, or at SIGTERM. */

export function untilStopped(): Promise<void> {
  return new Promise((stop) => {
    // A terminal passes Ctrl-C to children too; these end when their parent closes their input.
    for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
    process.once('SIGTERM', () => stop())
    process.stdin.resume()
    process.stdin.once('end', () => stop())
    process.stdin.once('error', () => stop())
  })
}
