/** Audits among honest, lazy and colluding auditors; ten times the rounds and seeds with WEIGHTLESS_HEAVY=1. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { auditWorld } from '../auditIncentives.sim.ts'
import { type AuditorKind, playRounds } from './playRounds.ts'

const isHeavy = process.env.WEIGHTLESS_HEAVY === '1'
const seeds = isHeavy ? 20 : 4
const rounds = isHeavy ? 1_000 : 150

const tallies = Array.from({ length: seeds }, (_, seed) => playRounds(auditWorld, { seed: seed + 1, rounds }))
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

function gainsOf(kind: AuditorKind): number[] {
  const places = [...auditWorld.auditors.keys()].filter((place) => auditWorld.auditors[place] === kind)
  return tallies.flatMap(({ gained }) => places.map((place) => gained[place]!))
}

describe('Audits among auditors of all kinds', () => {
  it('pay the honest, and cost the lazy more than they earn', () => {
    assert.ok(Math.min(...gainsOf('honest')) > 0)
    assert.ok(Math.max(...gainsOf('lazy')) < 0)
  })

  it('find the cheat and the planted one, again and again', () => {
    for (const { cases } of tallies) {
      assert.ok(cases[4]! > rounds / 20, `${cases[4]} cases in ${rounds} rounds`)
      assert.ok(cases[5]! > rounds / 4, `${cases[5]}`)
    }
  })

  it('make no case against an honest provider, whatever a minority agrees on', () => {
    for (const { cases } of tallies) assert.deepEqual(cases.slice(0, 4), [0, 0, 0, 0])
  })

  it('raise false alarms no more often than stated, within three sigma', () => {
    const [tests, alarms] = [
      sum(tallies.map((tally) => tally.honestTests)),
      sum(tallies.map((tally) => tally.falseAlarms)),
    ]
    // One audit decides at most once; errors of machines come one in a thousand, as the plan assumes.
    const stated = 1e-4 / (1 - 1e-2)
    const bound = stated * tests + 3 * Math.sqrt(stated * tests)
    assert.ok(alarms <= bound, `${alarms} of ${tests}, at most ${bound.toFixed(1)}`)
  })

  it('draw each auditor for as many targets as its licences say, within three sigma', () => {
    const share = auditWorld.rules.auditorsPerTarget / auditWorld.auditors.length
    const draws = seeds * rounds * auditWorld.auditors.length * auditWorld.providers.length
    const mean = sum(tallies.map(({ audits }) => audits)) / draws
    assert.ok(Math.abs(mean - share) < 3 * Math.sqrt((share * (1 - share)) / draws), `${mean}`)
  })
})
