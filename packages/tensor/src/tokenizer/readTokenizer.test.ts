import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesSource } from '../byteSource.ts'
import type { GgufValue } from '../gguf/ggufValue.ts'
import { readGguf } from '../gguf/readGguf.ts'
import { describeModel, type ModelDescription } from '../model/loadModel.ts'
import { smolLm2 } from '../weights.cases.ts'
import { mergePairs, pairKey } from './mergePairs.ts'
import type { TokenizerTables } from './readTables.ts'
import { createTokenizer, readTokenizer } from './readTokenizer.ts'
import { createSpecialFinder } from './specialTokens.ts'
import { preTokenizerNames } from './splitText.ts'
import { tokenizerRoot } from './tokenizerRoot.ts'
import { letterRanges, numberRanges, spaceRanges } from './unicodeRanges.generated.ts'

const vectors = new URL('../../../../vectors/tensor/', import.meta.url)
const tiny = await describeModel(new Uint8Array(readFileSync(new URL('tiny-random.gguf', vectors))))

const blankOf = (tables: TokenizerTables) => tables.pieces!.spacePrefix

type Golden = {
  texts: { text: string; tokens: number[] }[]
  conversations: { messages: { role: string; content: string }[]; prompt: string }[]
}

function compare(model: ModelDescription, file: string): void {
  const golden: Golden = JSON.parse(readFileSync(new URL(file, vectors), 'utf8'))
  assert.ok(golden.texts.length > 100)
  for (const { text, tokens } of golden.texts) {
    assert.deepEqual(model.tokenizer.encode(text), tokens, JSON.stringify(text))
    assert.equal(model.tokenizer.decode(model.tokenizer.encode(text, { special: false })), text)
  }
  for (const { messages, prompt } of golden.conversations) assert.equal(model.renderChat(messages), prompt)
}

test('tokens and prompts are those of Hugging Face tokenizers and jinja2, tiny vocabulary', () => {
  compare(tiny, 'tiny-random.tokens.json')
})

test('tokens and prompts are those of Hugging Face tokenizers and jinja2, SmolLM2', smolLm2.options, async () => {
  compare(await describeModel(smolLm2.bytes()), 'smollm2.tokens.json')
})

test('each pre-tokenizer gives the tokens of llama.cpp, words that no merges lead to among them', () => {
  type Golden = { vocabulary: string[]; merges: string[]; texts: string[]; tokens: { [pre: string]: number[][] } }
  const golden: Golden = JSON.parse(readFileSync(new URL('pre-tokens.json', vectors), 'utf8'))
  const { vocabulary, merges } = golden
  assert.deepEqual(Object.keys(golden.tokens), preTokenizerNames)
  for (const [pre, tokens] of Object.entries(golden.tokens)) {
    const { encode } = createTokenizer({ ...tiny.tokenizer.tables, pre, tokens: vocabulary, merges })
    for (const [i, text] of golden.texts.entries()) assert.deepEqual(encode(text), tokens[i], `${pre} ${text}`)
  }
})

test('vocabularies of scored pieces give the tokens of llama.cpp, with many of one score and with a blank of its own before a text', async () => {
  type Golden = { texts: string[]; tokens: { [file: string]: number[][] } }
  const golden: Golden = JSON.parse(readFileSync(new URL('pieces.json', vectors), 'utf8'))
  for (const [name, tokens] of Object.entries(golden.tokens)) {
    const { tokenizer } = await describeModel(new Uint8Array(readFileSync(new URL(`${name}.gguf`, vectors))))
    assert.equal(tokenizer.tables.pieces!.spacePrefix, name === 'tiny-gemma2')
    for (const [i, text] of golden.texts.entries()) {
      assert.deepEqual(tokenizer.encode(text), tokens[i], `${name} ${JSON.stringify(text)}`)
      const plain = tokenizer.decode(tokenizer.encode(text, { special: false }))
      const blank = tokenizer.tables.pieces!.spacePrefix && text !== '' ? ' ' : ''
      assert.equal(plain, `${blank}${text}`.replaceAll('▁', ' '))
    }
    assert.ok(tokenizer.isStop(5) && tokenizer.tokenText(5) === '<end_of_turn>')
    const { tables } = tokenizer
    const lacking = tables.tokens.map((text) => (text === '<0xE4>' ? 'x' : text))
    assert.throws(() => createTokenizer({ ...tables, tokens: lacking }), /a byte has no token/)
    const scores = tables.pieces!.scores.map((score, i) => (i === 300 ? 1 : score))
    const other = { ...tables, pieces: { ...tables.pieces!, scores } }
    assert.notDeepEqual(tokenizerRoot(other), tokenizerRoot(tables))
    assert.notDeepEqual(
      tokenizerRoot({ ...tables, pieces: { ...tables.pieces!, spacePrefix: !blankOf(tables) } }),
      tokenizerRoot(tables),
    )
  }
})

test('special tokens are found longest first, wherever they stand', () => {
  const find = createSpecialFinder(
    new Map([
      ['ab', 1],
      ['bcd', 2],
      ['\n', 3],
      ['\n\n', 4],
      ['é', 5],
      ['', 6],
    ]),
  )
  assert.deepEqual(find('abcd'), ['a', 2])
  assert.deepEqual(find('abab x\n\n\n'), [1, 1, ' x', 4, 3])
  assert.deepEqual(find(''), [])
  assert.deepEqual(find('éé'), [5, 5])
  assert.deepEqual(find('nothing'), ['nothing'])
})

test('hundreds of thousands of characters without a blank become pieces, too', async () => {
  const { tokenizer } = await describeModel(new Uint8Array(readFileSync(new URL('tiny-gemma3.gguf', vectors))))
  const tokens = tokenizer.encode('the'.repeat(100_000))
  assert.equal(tokenizer.decode(tokens), 'the'.repeat(100_000))
})

test('without a word in the file the pre-tokenizer is the default one, and llama-bpe begins a text with the begin token', async () => {
  const file = new Uint8Array(readFileSync(new URL('tiny-random.gguf', vectors)))
  const { metadata, ...rest } = await readGguf(bytesSource(file))
  const tablesOf = (changes: { [key: string]: string | boolean | undefined }) => {
    const all = Object.entries({ ...Object.fromEntries(metadata), ...changes })
    const changed = new Map(all.filter((entry): entry is [string, GgufValue] => entry[1] !== undefined))
    return readTokenizer({ ...rest, metadata: changed }).tables
  }
  const [pre, begin] = ['tokenizer.ggml.pre', 'tokenizer.ggml.add_bos_token']
  assert.equal(tablesOf({ [pre]: undefined }).pre, 'default')
  assert.equal(tablesOf({ [pre]: 'llama-bpe', [begin]: undefined }).addBegin, true)
  assert.equal(tablesOf({ [pre]: 'llama-bpe', [begin]: false }).addBegin, false)
  assert.equal(tablesOf({ [pre]: 'qwen2', [begin]: undefined }).addBegin, false)
  assert.throws(() => tablesOf({ [pre]: 'tekken' }), /pre-tokenizer is not supported/)
})

test('any text comes back from its tokens, streamed or whole', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const tokens = tiny.tokenizer.encode(text, { special: false })
      assert.equal(tiny.tokenizer.decode(tokens), text)
      const decoder = tiny.tokenizer.createDecoder()
      assert.equal(tokens.map((token) => decoder.push(token)).join('') + decoder.flush(), text)
    }),
  )
})

test('special tokens are found in a text only when asked for', () => {
  const text = 'a<|im_end|>b'
  assert.ok(tiny.tokenizer.encode(text).includes(2))
  assert.ok(!tiny.tokenizer.encode(text, { special: false }).includes(2))
  assert.equal(tiny.tokenizer.decode([2]), '')
  assert.ok(tiny.tokenizer.isStop(2))
})

test('merging by heap gives what merging by repeated search gives', () => {
  const ranks = new Map<number, number>()
  const merged: number[] = []
  const random = [1, 2, 3, 1, 2, 0, 3, 3, 0, 1, 2, 2, 1, 1, 0, 0]
  for (let rank = 0; rank + 1 < random.length; rank += 2) {
    const key = pairKey(random[rank]!, random[rank + 1]!)
    if (ranks.has(key)) continue
    ranks.set(key, merged.length)
    merged.push(4 + merged.length)
  }
  ranks.set(pairKey(4, 5), merged.length)
  merged.push(20)
  const rule = {
    rank: (left: number, right: number) => ranks.get(pairKey(left, right)),
    merged: (_left: number, _right: number, rank: number) => merged[rank]!,
  }
  const bySearch = (input: number[]) => {
    const tokens = [...input]
    for (;;) {
      let best = Infinity
      let where = -1
      for (let i = 0; i + 1 < tokens.length; i++) {
        const rank = ranks.get(pairKey(tokens[i]!, tokens[i + 1]!)) ?? Infinity
        if (rank < best) [best, where] = [rank, i]
      }
      if (where < 0) return tokens
      tokens.splice(where, 2, merged[best]!)
    }
  }
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 60 }), (tokens) => {
      assert.deepEqual(mergePairs(tokens, rule), bySearch(tokens))
    }),
    { numRuns: 300 },
  )
})

test('a long text without a space is no trap', () => {
  const text = 'ab'.repeat(50_000)
  assert.equal(tiny.tokenizer.decode(tiny.tokenizer.encode(text)), text)
})

test('the committed Unicode classes are those of the standard for long-settled characters', () => {
  const inside = (ranges: string, code: number) =>
    ranges.split(' ').some((range) => {
      const [low, high] = range.split('-').map((digits) => Number.parseInt(digits, 16))
      return code >= low! && code <= (high ?? low!)
    })
  for (const letter of 'azAZéßДש中あ한ªʰ') assert.ok(inside(letterRanges, letter.codePointAt(0)!), letter)
  for (const number of '09½Ⅷ٣²') assert.ok(inside(numberRanges, number.codePointAt(0)!), number)
  for (const space of ' \t\n\u0085\u00a0\u3000') assert.ok(inside(spaceRanges, space.codePointAt(0)!))
  for (const other of ['\ufeff', '\u200b', '_', '-']) {
    for (const ranges of [letterRanges, numberRanges, spaceRanges]) assert.ok(!inside(ranges, other.codePointAt(0)!))
  }
})

test('a template that asks for the time, raises or loops for ever fails with a typed error', async () => {
  const bytes = new Uint8Array(readFileSync(new URL('tiny-random.gguf', vectors)))
  const { createChatTemplate } = await import('../chat/chatTemplate.ts')
  const { tokenizer } = await describeModel(bytes)
  for (const source of [
    "{{ strftime_now('%Y') }}",
    "{{ raise_exception('no') }}",
    '{% for i in range(1000000) %}x{% endfor %}',
    '',
    '{% if %}',
  ]) {
    assert.throws(() => createChatTemplate(source, tokenizer)([{ role: 'user', content: 'x' }]), {
      name: 'ChatTemplateError',
    })
  }
})
