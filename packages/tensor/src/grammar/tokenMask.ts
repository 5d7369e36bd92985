/** Which tokens may come next under a grammar: those with which the text can still become one of the grammar. Spec: spec/tensor.md §7.2. */
import { WeightlessError } from '@weightless/codec'
import type { Tokenizer } from '../tokenizer/readTokenizer.ts'
import { type Automaton, createAutomaton, type State } from './automaton.ts'
import type { Expression } from './expression.ts'
import { createExpressions, type ExpressionBuilder } from './expression.ts'
import { createTokenTrie, type TokenTrie } from './tokenTrie.ts'

/** One for a vocabulary and what may be written with it; answers share what it remembers. */
export type Grammar = { trie: TokenTrie; automaton: Automaton; masks: { count: number } }

/** The state of one answer. */
export type TokenMask = {
  /** Bit set of the tokens that may come; undefined: all. @throws {GrammarStuckError} */
  allowed(): Uint32Array | undefined
  /** Goes on with a token that was allowed. */
  push(token: number): void
}

const statesMax = 4_096
const masksMax = 512

const tries = new WeakMap<Tokenizer, TokenTrie>()

export function createGrammar(tokenizer: Tokenizer, define: (build: ExpressionBuilder) => Expression): Grammar {
  let trie = tries.get(tokenizer)
  if (!trie) {
    trie = createTokenTrie(tokenizer)
    tries.set(tokenizer, trie)
  }
  const build = createExpressions()
  return { trie, automaton: createAutomaton(build, define(build)), masks: { count: 0 } }
}

export function createTokenMask(grammar: Grammar, { tokenBytes }: Tokenizer): TokenMask {
  const { automaton, masks } = grammar
  let state: State | null = automaton.start
  return {
    allowed() {
      if (state?.isFree) return undefined
      if (!state) throw new GrammarStuckError()
      if (state.mask) return state.mask
      if (automaton.size() > statesMax || masks.count >= masksMax) {
        automaton.forget()
        masks.count = 0
      }
      masks.count++
      state.mask = maskOf(grammar, state)
      return state.mask
    },
    push(token) {
      for (const byte of tokenBytes(token)) {
        if (!state || state.isFree) return
        state = automaton.step(state, byte)
      }
    },
  }
}

function maskOf({ trie, automaton }: Grammar, start: State): Uint32Array {
  const { bytes, depths, skips, ends, tokens, vocabSize, stopTokens, depthMax } = trie
  const mask = new Uint32Array(Math.ceil(vocabSize / 32))
  const path: State[] = new Array(depthMax + 1)
  path[0] = start
  let isEmpty = true
  const allow = (token: number) => {
    mask[token >>> 5]! |= 1 << (token & 31)
    isEmpty = false
  }
  for (let node = 0; node < bytes.length; ) {
    const depth = depths[node]!
    const state = automaton.step(path[depth - 1]!, bytes[node]!)
    if (!state) {
      node = skips[node]!
      continue
    }
    path[depth] = state
    for (let at = ends[node]!; at < ends[node + 1]!; at++) allow(tokens[at]!)
    node++
  }
  if (start.isEnd) for (const token of stopTokens) allow(token)
  if (isEmpty) throw new GrammarStuckError()
  return mask
}

/** The vocabulary has no token with which the text could go on. */
export class GrammarStuckError extends WeightlessError {
  constructor() {
    super('tensor/grammar-stuck', 'The model has no token with which its answer could go on as it was asked for.')
  }
}
