/** What came of a dispute, in words, whatever it was about. */
import { hashReceipt, type Receipt } from '@weightless/receipt'
import type { Command } from 'commander'
import { printResult } from './output.ts'
import { printable } from './printable.ts'

/** Whose receipt a dispute is about. */
export function placeOf({ receipt, settlement }: { receipt: Receipt; settlement: Parameters<typeof hashReceipt>[1] }) {
  const { provider, chainId } = receipt
  return { provider, receipt: hashReceipt(receipt, settlement), chainId: String(chainId), settlement }
}

export type Place = ReturnType<typeof placeOf>

type Shown = { what: string; element: number; expected: string; claimed: string }

/** @param where - the operator, or the step, that has what is wrong */
export const describeFinding = (where: string, { what, element, expected, claimed }: Shown): string[] => [
  `GUILTY    ${where}: ${what} ${element}`,
  `expected  ${expected}`,
  `claimed   ${claimed}`,
]

type Unguilty =
  | { outcome: 'agreed'; questions: number }
  | { outcome: 'withheld'; questions: number; asked: string }
  | { outcome: 'unshown'; questions: number; reason: string }

/** @param agreed - what this machine finds too */
export function printUnguilty(outcome: Unguilty, about: Place, agreed: string, command: Command): void {
  const { questions } = outcome
  if (outcome.outcome === 'agreed') {
    printResult(command, { outcome: 'agreed', questions, ...about }, [`agreed    ${agreed}`])
    return
  }
  const line =
    outcome.outcome === 'withheld'
      ? `WITHHELD  the provider did not answer about ${outcome.asked}: no guilt, and no answer that can be checked`
      : `UNSHOWN   it differs, but ${outcome.reason}`
  printResult(command, { ...outcome, ...about }, [printable(line), askedLine(questions)])
}

export const askedLine = (questions: number): string => `asked     ${questions} questions`

/** Of a verdict file. */
export function printRefused(judgement: { outcome: 'refused'; reason: string }, about: Place, command: Command): void {
  const line = `REFUSED   this file shows nothing: ${judgement.reason}`
  printResult(command, { ...judgement, ...about }, [printable(line)])
}
