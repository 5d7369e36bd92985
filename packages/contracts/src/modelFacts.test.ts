/** Facts of a model, read by a contract from the bytes of its file. Spec: spec/dispute.md 12. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { fileTree, segmentBytes } from '@weightless/crypto'
import { proveSectors } from '@weightless/crypto/sectorRange'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import { describeModel, readGguf } from '@weightless/tensor'
import { writeGguf } from '@weightless/tensor/gguf/writeGguf'
import { describeGraph } from '@weightless/tensor/model/describeGraph'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { type Hex, sha256, stringToHex } from 'viem'
import { createRig, type Rig } from '../scripts/contractRig.ts'
import { readHead } from '../scripts/disputeRig.ts'

const tiny = new URL('../../../vectors/tensor/tiny-random.gguf', import.meta.url)
const moreTypes = new URL('../../../vectors/tensor/tiny-types.gguf', import.meta.url)
const errorOf = (result: { ok: boolean; error?: string }) => (result.ok ? 'none' : result.error)

function openFile(bytes: Uint8Array) {
  const tree = fileTree(bytes)
  const segment = (i: number) => bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes)
  const prove = (from: number, count: number) => proveSectors(tree, segment, from, count)
  return { root: bytesToHex(tree.root), size: BigInt(bytes.length), prove }
}

/** Reads the head in parts and gives the id of what is then vouched for. */
async function vouch(rig: Rig, bytes: Uint8Array, sectors?: number): Promise<{ root: Hex; id: Hex; parts: number }> {
  const { root, size, prove } = openFile(bytes)
  const { parts } = await readHead(rig, root, bytes.length, prove, sectors)
  const { value: id } = await rig.must(rig.contracts.modelFacts, 'finish', [root, size])
  return { root, id, parts }
}

async function expectedId(rig: Rig, bytes: Uint8Array): Promise<Hex> {
  const facts = modelFacts(describeGraph(await readGguf(bytes)), bytes.length)
  return (await rig.must(rig.contracts.modelFacts, 'idOf', [facts])).value
}

describe('ModelFacts', () => {
  it('reads what the engine reads, however the head is cut into parts', async () => {
    const rig = await createRig()
    for (const [bytes, sectors] of [
      [makeProbeModel(), 3],
      [new Uint8Array(readFileSync(tiny)), undefined],
    ] as const) {
      const { root, id, parts } = await vouch(rig, bytes, sectors)
      assert.equal(id, await expectedId(rig, bytes))
      assert.equal((await rig.must(rig.contracts.modelFacts, 'isKnown', [root, id])).value, true)
      if (sectors === 3) assert.ok(parts > 3, String(parts))
    }
  })

  it('knows nothing before the end, of other bytes, or of what is no such file', async () => {
    const rig = await createRig()
    const { modelFacts: facts } = rig.contracts
    const { root, size, prove } = openFile(makeProbeModel())
    const part = prove(0, 512)
    const sectors = bytesToHex(part.sectors)
    const siblings = part.siblings.map((hash) => bytesToHex(hash))
    const changed = `${sectors.slice(0, -2)}${sectors.endsWith('00') ? '01' : '00'}` as Hex
    assert.equal(errorOf(await rig.send(facts, 'read', [root, size, changed, siblings])), 'SectorProofWrong')
    assert.equal(errorOf(await rig.send(facts, 'read', [root, size * 2n, sectors, siblings])), 'SectorProofWrong')
    assert.equal(errorOf(await rig.send(facts, 'finish', [root, size])), 'HeadIncomplete')
    await rig.must(facts, 'read', [root, size, sectors, siblings])
    assert.equal(errorOf(await rig.send(facts, 'finish', [root, size])), 'HeadIncomplete')
    // The same part again is not the one that follows.
    assert.equal(errorOf(await rig.send(facts, 'read', [root, size, sectors, siblings])), 'SectorProofWrong')
    const other = openFile(new Uint8Array(600).fill(7))
    const head = other.prove(0, 600)
    const args = [
      other.root,
      other.size,
      bytesToHex(head.sectors),
      head.siblings.map((hash) => bytesToHex(hash)),
    ] as const
    assert.equal(errorOf(await rig.send(facts, 'read', args)), 'HeadUnreadable')
    await assert.rejects(
      vouch(rig, writeGguf({ 'general.architecture': 'gpt2', padding: 'x'.repeat(900) }, [])),
      /NotLlama/,
    )
  })

  it('is not asked about k-quants: the facts of such a model are refused before they are sent', async () => {
    const bytes = new Uint8Array(readFileSync(moreTypes))
    const graph = describeGraph(await readGguf(bytes))
    assert.throws(() => modelFacts(graph, bytes.length), { name: 'EncodingUnjudgedError', message: /token_embd.*Q3_K/ })
  })

  it('is not asked about families other than Llama, and knows no program of them', async () => {
    const bytes = new Uint8Array(readFileSync(new URL('../../../vectors/tensor/tiny-qwen2.gguf', import.meta.url)))
    const graph = describeGraph(await readGguf(bytes))
    assert.throws(() => modelFacts(graph, bytes.length), { name: 'FamilyUnjudgedError', message: /qwen2/ })
    const rig = await createRig()
    const { programText } = await describeModel(bytes)
    const sent = rig.send(rig.contracts.modelFacts, 'openProgram', [stringToHex(programText)])
    assert.equal(errorOf(await sent), 'ProgramForeign')
  })

  it('knows programs of this semantics and sampler without an adapter, by their text', async () => {
    const rig = await createRig()
    const { modelFacts: facts } = rig.contracts
    const { programId, programText } = await describeModel(makeProbeModel())
    await rig.must(facts, 'openProgram', [stringToHex(programText)])
    assert.equal((await rig.must(facts, 'isProgram', [programId])).value, true)
    assert.equal(sha256(stringToHex(programText)), programId)
    const otherModel = new Uint8Array(readFileSync(moreTypes))
    for (const text of [
      (await describeModel(otherModel)).programText,
      programText.replace('semantics 1', 'semantics 2'),
      `${programText}adapter 1\n`,
      programText.replace('sampler 1', 'sampler 2'),
      'weightless/program/1\nsemantics 1\n',
    ]) {
      assert.equal(errorOf(await rig.send(facts, 'openProgram', [stringToHex(text)])), 'ProgramForeign')
    }
  })
})
