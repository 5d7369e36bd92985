/** The grammar of an answer as its request asks for it: a schema, calls of functions, or both. Spec: spec/tensor.md §7.2–7.4. */
import type { Tokenizer } from '../tokenizer/readTokenizer.ts'
import { createExpressions } from './expression.ts'
import { compileSchema } from './schema/compileSchema.ts'
import { createGrammar, createTokenMask, type Grammar, type TokenMask } from './tokenMask.ts'
import { compileTools } from './toolCalls.ts'

/** What an answer is held to; empty texts and 0 where there is nothing. */
export type AnswerShape = {
  /** JSON Schema as JSON text. */
  schema: string
  /** OpenAI's `tools` as JSON text. */
  tools: string
  /** `auto`, `required`, or `function:` and a name. */
  toolChoice: string
  /** Calls at most. */
  callsMax: number
}

/** Grammars kept for the next answers of the same shape. */
const keptMax = 8

const kept = new WeakMap<Tokenizer, Map<string, Grammar>>()

/** The mask of a new answer; undefined for a free one. @throws {SchemaUnsupportedError} */
export function maskOf(tokenizer: Tokenizer, shape: AnswerShape | undefined): TokenMask | undefined {
  if (!shape || !hasMasks(shape)) return undefined
  return createTokenMask(grammarOf(tokenizer, shape), tokenizer)
}

/** Whether masks have a part in the choice of tokens: an answer that only has others beside it is free. */
export function hasMasks(shape: Pick<AnswerShape, 'schema' | 'tools'> | undefined): boolean {
  return shape !== undefined && (shape.schema !== '' || shape.tools !== '')
}

function grammarOf(tokenizer: Tokenizer, shape: AnswerShape): Grammar {
  const { schema, tools, toolChoice, callsMax } = shape
  const grammars = kept.get(tokenizer) ?? new Map<string, Grammar>()
  kept.set(tokenizer, grammars)
  const key = JSON.stringify([schema, tools, toolChoice, callsMax])
  const found = grammars.get(key)
  // Found again: the last to be dropped.
  grammars.delete(key)
  const grammar =
    found ??
    createGrammar(tokenizer, (build) => {
      const text = schema === '' ? undefined : compileSchema(build, schema)
      return tools === '' ? text! : compileTools(build, { tools, toolChoice, callsMax }, text)
    })
  grammars.set(key, grammar)
  if (grammars.size > keptMax) grammars.delete(grammars.keys().next().value!)
  return grammar
}

/** Whether an answer can be held to the shape, without a model. @throws {SchemaUnsupportedError} */
export function checkShape(shape: AnswerShape): void {
  const build = createExpressions()
  const text = shape.schema === '' ? undefined : compileSchema(build, shape.schema)
  if (shape.tools !== '') compileTools(build, shape, text)
}
