/** An accusation as the contract takes it (solidity/dispute/DisputeGame.sol). Spec: spec/dispute.md §12. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import type { SectorRange } from '@weightless/crypto/sectorRange'
import type { Accusation, OpenedChunk } from '../referee/accusation.ts'
import type { StepOpening } from '../referee/stepOpening.ts'

/** `Step` of solidity/dispute/judge/StepProof.sol. */
export function stepArgument({ position, token, operators, path }: StepOpening) {
  return {
    position: BigInt(position),
    token: BigInt(token),
    operators: bytesToHex(operators),
    path: path.map(bytesToHex),
  }
}

/** `Opening` of solidity/dispute/judge/WorkingChunks.sol. */
export function openingArgument({ chunk, bytes, path }: OpenedChunk) {
  return { chunk: BigInt(chunk), data: bytesToHex(bytes), path: path.map(bytesToHex) }
}

/** `FileProof` of solidity/dispute/WordJudge.sol; none for a rule that reads nothing of the file. */
export function fileArgument(range: SectorRange | undefined) {
  return {
    sectors: bytesToHex(range?.sectors ?? new Uint8Array()),
    siblings: (range?.siblings ?? []).map(bytesToHex),
  }
}

/** A root of a working with the provider's signature, both as hex. */
export type SignedRootWord = { root: Hex; signature: Hex }

/**
 * Which function decides the accusation, and what it takes behind the exhibit.
 * @param signed - of accusations about a working
 * @param range - bytes of the model's file that the accused word is made from, proved
 * @throws {ChoiceUnjudgedError}
 */
export function accusationArguments(
  accusation: Accusation,
  signed: SignedRootWord | undefined,
  range: SectorRange | undefined,
) {
  if (accusation.kind === 'count') {
    return { functionName: 'proveCount', args: [stepArgument(accusation.step)] } as const
  }
  if (accusation.kind === 'token') {
    const { step, next, record } = accusation
    return { functionName: 'proveToken', args: [stepArgument(step), stepArgument(next), bytesToHex(record)] } as const
  }
  if (accusation.kind === 'choice') throw new ChoiceUnjudgedError()
  const { working, table } = accusation
  const root = { operator: working.operator, root: signed?.root ?? '0x', signature: signed?.signature ?? '0x' } as const
  const openings = working.chunks.map(openingArgument)
  const begin = [stepArgument(working.step), root, BigInt(table)] as const
  if (accusation.kind === 'bound') {
    const args = [...begin, BigInt(accusation.row), stepArgument(accusation.bound), openings] as const
    return { functionName: 'proveBound', args } as const
  }
  const args = [...begin, BigInt(accusation.index), openings, fileArgument(range)] as const
  return { functionName: 'proveWord', args } as const
}

export class ChoiceUnjudgedError extends WeightlessError {
  constructor() {
    super(
      'dispute/choice-unjudged',
      'No contract knows the masks of a schema or of tools, so that none judges a choice under one.',
      {},
      { hint: 'Anybody who has the model judges the file: `weightless dispute judge`.' },
    )
  }
}
