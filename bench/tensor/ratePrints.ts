/**
 * What `calibratePrints.ts` measured, against the bounds of the model: false alarms of honest providers, and how often others are
 * found, where the bounds were chosen and where they are tested. `node ratePrints.ts MODEL.gguf FIGURES.jsonl`
 */
import { readFileSync } from 'node:fs'
import { bytesToHex } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import '@weightless/env/node'
import { alarmRateMax, boundsOf, findBeyond } from '@weightless/receipt/fingerprint/printBounds'
import type { PrintFigures } from '@weightless/receipt/fingerprint/weighPrint'
import { providers } from './prints/cheats.ts'
import { type PrintSet, sets } from './prints/drawAsked.ts'
import { readFigures } from './prints/readFigures.ts'

const [path = '', figures = ''] = process.argv.slice(2)
const root = bytesToHex(fileRoot(new Uint8Array(readFileSync(path))))
const { bounds } = boundsOf(root)
// Several processes may have measured the same answer.
const lines = [
  ...new Map(readFigures(figures).map((line) => [`${line.set} ${line.name} ${line.index}`, line])).values(),
]

function count(name: string, set: PrintSet) {
  const own = lines.filter((line) => line.set === set && line.name === name)
  // What cannot be of this model is refused before anything is weighed; an answer of no token has no fingerprint.
  const faults = own.filter((line) => 'fault' in line && line.fault !== 'empty').length
  const weighed = own.filter((line) => 'error' in line).filter(({ positions }) => positions >= bounds.positionsMin)
  const found = weighed.filter((line) => findBeyond(line, bounds) !== undefined).length + faults
  return { asked: own.length, weighed: weighed.length + faults, found, figures: weighed as PrintFigures[] }
}

const share = ({ found, weighed }: { found: number; weighed: number }) => `${((100 * found) / weighed).toFixed(1)} %`
const range = (list: readonly number[], digits: number) =>
  list.length === 0 ? '' : `${Math.min(...list).toFixed(digits)} to ${Math.max(...list).toFixed(digits)}`

/** Whether both shares may be of one probability: their distance in standard deviations. */
function distance(a: { found: number; weighed: number }, b: { found: number; weighed: number }): string {
  const together = (a.found + b.found) / (a.weighed + b.weighed)
  const sigma = Math.sqrt(together * (1 - together) * (1 / a.weighed + 1 / b.weighed))
  return sigma === 0 ? '0' : (Math.abs(a.found / a.weighed - b.found / b.weighed) / sigma).toFixed(1)
}

console.log(`${root}: error up to ${bounds.error} nat, choice up to ${bounds.choice}`)
for (const set of sets) {
  const { asked, weighed, found } = count('honest', set)
  if (weighed === 0) continue
  const most = (100 * alarmRateMax({ weighed, refused: found })).toPrecision(2)
  console.log(
    `honest, ${set}: ${asked} answers, ${weighed} long enough, ${found} refused: false alarms below ${most} %`,
  )
}
console.log(
  '\n| provider | chosen by: found | tested by: found | apart, σ | error | choice |\n| - | - | - | - | - | - |',
)
for (const { name } of providers) {
  const [chosen, tested] = sets.map((set) => count(name, set)) as [ReturnType<typeof count>, ReturnType<typeof count>]
  if (chosen.weighed + tested.weighed === 0) continue
  const cell = (one: ReturnType<typeof count>) => (one.weighed ? `${one.found} of ${one.weighed}, ${share(one)}` : '')
  const all = [...chosen.figures, ...tested.figures]
  const errors = range(
    all.map(({ error }) => error),
    3,
  )
  const choices = range(
    all.map(({ choice }) => choice),
    1,
  )
  const apart = chosen.weighed && tested.weighed ? distance(chosen, tested) : ''
  console.log(`| ${[name, cell(chosen), cell(tested), apart, errors, choices].join(' | ')} |`)
}
