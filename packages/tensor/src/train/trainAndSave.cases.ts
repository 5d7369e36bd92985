/** A process that trains and saves each state beside its file, for the test that kills it. Prints step and state hash. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { openLoraTrainer } from './openLoraTrainer.ts'
import { runTraining } from './runTraining.ts'

const path = process.argv[2]
if (path !== undefined && process.argv[1] === import.meta.filename) {
  const trainer = await openLoraTrainer(makeProbeModel(), { seed32: new Uint8Array(32).fill(8), rank: 4 })
  if (existsSync(path)) trainer.restore(new Uint8Array(readFileSync(path)))
  const rows = Array.from({ length: 6 }, (_, row) => {
    const tokens = Array.from({ length: 60 }, (_, i) => (i * 7 + row * 31) % 250)
    return { tokens, mask: tokens.map(() => 1) }
  })
  await runTraining(
    trainer,
    rows,
    { epochs: 4, batchRows: 2 },
    {
      onProgress({ step, stateHash }) {
        writeFileSync(`${path}.new`, trainer.state())
        renameSync(`${path}.new`, path)
        process.stdout.write(`${step} ${stateHash}\n`)
      },
    },
  )
}
