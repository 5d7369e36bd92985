/** Rounds of audits among honest, lazy and colluding auditors by the contract's rules: what honesty earns, and what it costs not to look. */
import { type AuditorKind, playRounds, type World } from './alignment/playRounds.ts'
import { claim, type Scenario } from './scenario.ts'

export const auditIncentives: Scenario = {
  name: 'audits/incentives',
  claim: 'Honest auditors earn, lazy ones lose, cheats are found, and no minority makes a case against the honest.',
  plants: [],
  run: async (seed) => {
    const { gained, cases } = playRounds(auditWorld, { seed, rounds: 150 })
    const of = (kind: AuditorKind) => gained.filter((_, place) => auditWorld.auditors[place] === kind)
    claim(Math.min(...of('honest')) > 0, `an honest auditor gained ${Math.min(...of('honest'))}`)
    claim(Math.max(...of('lazy')) < 0, `a lazy auditor gained ${Math.max(...of('lazy'))}`)
    claim(cases[4]! > 0 && cases[5]! > 0, 'a cheat was never found')
    claim(
      cases.slice(0, 4).every((count) => count === 0),
      `cases against the honest: ${cases.slice(0, 4).join()}`,
    )
  },
}

export const auditWorld: World = {
  auditors: [...Array.from({ length: 9 }, () => 'honest' as const), 'lazy', 'lazy', 'colluding', 'colluding'],
  providers: ['honest', 'honest', 'honest', 'honest', 'cheating', 'planted'],
  rates: { honest: 1e-3, cheating: 0.5, planted: 1 },
  rules: { auditorsPerTarget: 5, quorum: 3, findingWei: 1, missWei: 50 },
}
