/** The network's own numbers: file roots, proofs, identities, flow roots, as other implementations made them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex, concatBytes, textToBytes } from '@weightless/codec'
import {
  buildTree,
  createFlowTree,
  fileShape,
  fileTree,
  foldNodes,
  keccak256,
  segmentProof,
  submissionIdentity,
  treeRoot,
  zeroRoot,
} from './index.ts'

function vectors<Value>(name: string): Value {
  return JSON.parse(readFileSync(new URL(`../../../vectors/storage/${name}.json`, import.meta.url), 'utf8')) as Value
}

type Files = {
  files: {
    rule: string
    sizeBytes: number
    sectors: number
    paddedSectors: number
    segments: number
    root: string
    heights: number[]
    nodeRoots: (string | null)[]
  }[]
  texts: { text: string; root: string }[]
  zeroFiles: { sizeBytes: number; height: number }[]
  identities: { [name: string]: string }
}

function makeFile(rule: string, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  if (rule === 'ONES') return bytes.fill(1)
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 7 + (i >> 8) * 13 + (i >> 16) * 31) & 0xff
  return bytes
}

const { files, texts, zeroFiles, identities } = vectors<Files>('files')

test('file roots, shapes and submission nodes are the published SDK’s', () => {
  for (const file of files) {
    const tree = fileTree(makeFile(file.rule, file.sizeBytes))
    const name = `${file.rule} ${file.sizeBytes}`
    assert.equal(bytesToHex(tree.root), file.root, name)
    assert.equal(tree.shape.sectors, file.sectors, name)
    assert.equal(tree.shape.paddedSectors, file.paddedSectors, name)
    assert.equal(tree.shape.segments, file.segments, name)
    assert.deepEqual(
      tree.nodes.map((node) => node.height),
      file.heights,
      name,
    )
    assert.equal(bytesToHex(foldNodes(tree.nodes)), file.root, name)
    for (const [index, root] of file.nodeRoots.entries()) {
      if (root) assert.equal(bytesToHex(tree.nodes[index]!.root), root, `${name} node ${index}`)
    }
  }
})

test('texts, zero files and zero trees', () => {
  for (const { text, root } of texts) assert.equal(bytesToHex(fileTree(textToBytes(text)).root), root)
  for (const { sizeBytes, height } of zeroFiles) {
    assert.deepEqual(fileTree(new Uint8Array(sizeBytes)).root, zeroRoot(height))
  }
  for (const { height, root } of vectors<{ zeroRoots: { height: number; root: string }[] }>('zeroRoots').zeroRoots) {
    assert.equal(bytesToHex(zeroRoot(height)), root)
  }
})

test('submission identities', () => {
  for (const [name, identity] of Object.entries(identities)) {
    const [rule, size] = name.split(' ')
    assert.equal(bytesToHex(submissionIdentity(fileTree(makeFile(rule!, Number(size))).nodes)), identity, name)
  }
})

test('trees over any number of leaves carry the odd node up', () => {
  for (const { leaves, root } of vectors<{ trees: { leaves: number; root: string }[] }>('rawTrees').trees) {
    const hashes = Array.from({ length: leaves }, (_, i) => keccak256(textToBytes(`chunk data - ${i}`)))
    assert.equal(bytesToHex(treeRoot(buildTree(concatBytes(hashes)))), root, `${leaves} leaves`)
  }
})

test('segment proofs', () => {
  type Proof = { sizeBytes: number; segmentIndex: number; lemma: string[]; path: boolean[] }
  for (const expected of vectors<{ proofs: Proof[] }>('segmentProofs').proofs) {
    const proof = segmentProof(fileTree(makeFile('LIN', expected.sizeBytes)), expected.segmentIndex)
    assert.deepEqual(proof.lemma.map(bytesToHex), expected.lemma)
    assert.deepEqual(proof.path, expected.path)
  }
})

test('the flow tree follows the contract, gaps included', () => {
  type Step = {
    sizeBytes: number
    startSector: number
    lengthSectors: number
    flowLengthAfter: number
    rootAfter: string
  }
  const flow = createFlowTree()
  assert.deepEqual(flow.root(), new Uint8Array(32))
  for (const step of vectors<{ submissions: Step[] }>('flow').submissions) {
    const file = fileTree(makeFile('LIN', step.sizeBytes))
    assert.equal(fileShape(step.sizeBytes).paddedSectors, step.lengthSectors)
    flow.append(step.startSector, file.nodes)
    assert.equal(flow.length(), step.flowLengthAfter)
    assert.equal(bytesToHex(flow.root()), step.rootAfter, `size ${step.sizeBytes}`)
  }
})
