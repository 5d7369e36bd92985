/** A vocabulary as the tree of its tokens' bytes, laid out so that a subtree is skipped in one step. */
import type { Tokenizer } from '../tokenizer/readTokenizer.ts'

export type TokenTrie = {
  vocabSize: number
  stopTokens: readonly number[]
  /** Nodes in order of a walk, children after their parent. */
  bytes: Uint8Array
  /** 1 for a first byte. */
  depths: Uint16Array
  /** The first node behind the subtree. */
  skips: Uint32Array
  /** Tokens that end at node *i* are `tokens[ends[i]]` up to `tokens[ends[i + 1]]`. */
  ends: Uint32Array
  tokens: Uint32Array
  depthMax: number
}

const depthMax = 0xffff

/** Control tokens and those that end an answer have no place in it. */
export function createTokenTrie({ vocabSize, tables, tokenBytes, isStop }: Tokenizer): TokenTrie {
  const words: { token: number; bytes: Uint8Array }[] = []
  for (let token = 0; token < vocabSize; token++) {
    const bytes = tokenBytes(token)
    if (bytes.length > 0 && bytes.length <= depthMax && !isStop(token)) words.push({ token, bytes })
  }
  words.sort((a, b) => compare(a.bytes, b.bytes) || a.token - b.token)
  const bytes: number[] = []
  const depths: number[] = []
  /** Of each word, the node at which it ends. */
  const endNodes: number[] = []
  let path: Uint8Array = new Uint8Array()
  for (const word of words) {
    let depth = 0
    while (depth < path.length && path[depth] === word.bytes[depth]) depth++
    for (; depth < word.bytes.length; depth++) {
      bytes.push(word.bytes[depth]!)
      depths.push(depth + 1)
    }
    endNodes.push(bytes.length - 1)
    path = word.bytes
  }
  return {
    vocabSize,
    stopTokens: tables.stopTokens,
    bytes: Uint8Array.from(bytes),
    depths: Uint16Array.from(depths),
    skips: skipsOf(depths),
    ends: endsOf(endNodes, bytes.length),
    tokens: Uint32Array.from(words, ({ token }) => token),
    depthMax: depths.reduce((most, depth) => Math.max(most, depth), 0),
  }
}

function skipsOf(depths: readonly number[]): Uint32Array {
  const skips = new Uint32Array(depths.length).fill(depths.length)
  const open: number[] = []
  depths.forEach((depth, node) => {
    while (open.length > 0 && depths[open.at(-1)!]! >= depth) skips[open.pop()!] = node
    open.push(node)
  })
  return skips
}

function endsOf(endNodes: readonly number[], nodeCount: number): Uint32Array {
  const ends = new Uint32Array(nodeCount + 1)
  for (const node of endNodes) ends[node + 1]!++
  for (let node = 0; node < nodeCount; node++) ends[node + 1]! += ends[node]!
  return ends
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!
  return a.length - b.length
}
