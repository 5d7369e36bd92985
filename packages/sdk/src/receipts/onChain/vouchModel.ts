/** Brings to the chain what its judges must know of a model, as far as nobody has: from the bytes of its file. Spec: spec/dispute.md §12.2 */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { FileTree, RangeSource } from '@weightless/crypto'
import { proveSourceSectors, sectorsMax } from '@weightless/crypto/sectorRange'
import type { ModelFacts } from '@weightless/dispute/contract/modelFacts'
import type { SendOptions } from '../../account/openAccount.ts'
import type { ClientContext } from '../../clientContext.ts'
import { contractAddress } from '../../networkConfig.ts'

export type ModelShown = {
  tree: FileTree
  source: RangeSource
  facts: ModelFacts
  programId: Hex
  programText: string
}

export type VouchOptions = {
  /** Called after each part of the head with the bytes that were read. */
  onPart?: (readBytes: number) => void
  send?: SendOptions
}

const sectorBytes = 256

/** Returns how many transactions it took; none where all is known. @throws {TransactionRevertedError} */
export async function vouchModel(
  { config, ledger }: ClientContext,
  { tree, source, facts, programId, programText }: ModelShown,
  { onPart, send }: VouchOptions = {},
): Promise<number> {
  const at = { address: contractAddress(config, 'modelFacts'), abi: abis.modelFacts } as const
  const modelRoot = bytesToHex(tree.root)
  const file = [modelRoot, facts.fileBytes] as const
  let sent = 0
  const factsId = await ledger.read({ ...at, functionName: 'idOf', args: [facts] })
  if (!(await ledger.read({ ...at, functionName: 'isKnown', args: [modelRoot, factsId] }))) {
    for (;;) {
      const [next, left] = await ledger.read({ ...at, functionName: 'progress', args: file })
      if (next > 0n && left === 0n) break
      const from = Number(next)
      const count = Math.min(sectorsMax * sectorBytes - (from % sectorBytes), source.sizeBytes - from)
      const { sectors, siblings } = await proveSourceSectors(tree, source, from, count)
      const args = [...file, bytesToHex(sectors), siblings.map(bytesToHex)] as const
      await ledger.submit({ ...at, functionName: 'read', args }, send)
      sent++
      onPart?.(from + count)
    }
    await ledger.submit({ ...at, functionName: 'finish', args: file }, send)
    sent++
  }
  if (await ledger.read({ ...at, functionName: 'isProgram', args: [programId] })) return sent
  await ledger.submit({ ...at, functionName: 'openProgram', args: [bytesToHex(textToBytes(programText))] }, send)
  return sent + 1
}
