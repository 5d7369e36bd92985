/** A kept task for tests: adds each number it is sent to a total and sends that back; ends at 0, fails below. */
import type { TaskPort } from '../../env.ts'

export default async function countUp(port: TaskPort, start: unknown): Promise<void> {
  let total = start as number
  for await (const step of port.messages) {
    if ((step as number) < 0) throw new RangeError('downwards')
    if (step === 0) return
    total += step as number
    port.send(total)
  }
}
