/**
 * Calls of functions as a model writes them, `<tool_call>` around a name and its arguments: told to the model, held to by a
 * mask, read back from its answer. Spec: spec/tensor.md §7.4.
 */
import type { ChatMessage } from '../chat/chatMessage.ts'
import type { Expression, ExpressionBuilder } from './expression.ts'
import { compileSchema } from './schema/compileSchema.ts'
import { createBudget, nestingOf, schemaLimits } from './schema/schemaNode.ts'
import { SchemaUnsupportedError } from './schemaError.ts'

const opening = '<tool_call>\n{"name": "'
const middle = '", "arguments": '
const closing = '}\n</tool_call>'
/** A free answer does not begin with it. */
const marker = '<tool_call>'

export const toolLimits = { tools: 64, calls: 16 }

type Tool = { name: string; parameters: string }

/** @param tools - OpenAI's `tools` as JSON text @throws {SchemaUnsupportedError} */
export function readTools(tools: string): Tool[] {
  if (tools.length > schemaLimits.characters) {
    throw new SchemaUnsupportedError({ at: 'tools', reason: `has more than ${schemaLimits.characters} characters` })
  }
  if (nestingOf(tools) > schemaLimits.nesting) {
    throw new SchemaUnsupportedError({ at: 'tools', reason: `nests deeper than ${schemaLimits.nesting} levels` })
  }
  const list = parse(tools)
  if (!Array.isArray(list) || list.length === 0 || list.length > toolLimits.tools) {
    throw new SchemaUnsupportedError({ at: 'tools', reason: `is no list of 1 to ${toolLimits.tools}` })
  }
  const names = new Set<string>()
  return list.map((tool: { type?: unknown; function?: Record<string, unknown> } | null, i) => {
    const { name, parameters = { type: 'object', properties: {}, additionalProperties: false } } = tool?.function ?? {}
    const refuse = (reason: string): never => {
      throw new SchemaUnsupportedError({ at: `tools/${i}`, reason })
    }
    if (tool?.type !== 'function') return refuse('is no function')
    if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name))
      return refuse('has no name of 1 to 64 of A-Z a-z 0-9 _ -')
    if (names.has(name)) return refuse(`has the name ${name} of another`)
    if ((parameters as { type?: unknown } | null)?.type !== 'object')
      return refuse("has parameters that are not of type 'object'")
    names.add(name)
    return { name, parameters: JSON.stringify(parameters) }
  })
}

/**
 * @param choice - `auto`, `required`, or `function:` and a name
 * @param free - what may come in place of calls with `auto`; undefined: any text that is no call
 * @throws {SchemaUnsupportedError}
 */
export function compileTools(
  build: ExpressionBuilder,
  { tools, toolChoice, callsMax }: { tools: string; toolChoice: string; callsMax: number },
  free: Expression | undefined,
): Expression {
  const { literal, sequence, choice, repeat } = build
  const all = readTools(tools)
  const refuseChoice = (reason: string): never => {
    throw new SchemaUnsupportedError({ at: 'tool_choice', reason })
  }
  if (!/^(auto|required|function:.*)$/s.test(toolChoice)) refuseChoice('is none that is known')
  if (!Number.isInteger(callsMax) || callsMax < 1 || callsMax > toolLimits.calls) {
    refuseChoice(`allows not from 1 to ${toolLimits.calls} calls`)
  }
  const wanted = toolChoice.startsWith('function:') ? toolChoice.slice('function:'.length) : undefined
  const offered = wanted === undefined ? all : all.filter(({ name }) => name === wanted)
  if (offered.length === 0) refuseChoice(`names ${wanted}, which is no tool`)
  const budget = createBudget()
  const one = choice(
    ...offered.map(({ name, parameters }) =>
      sequence(literal(opening + name + middle), compileSchema(build, parameters, budget), literal(closing)),
    ),
  )
  const calls = sequence(one, repeat(sequence(literal('\n'), one), 0, wanted === undefined ? callsMax - 1 : 0))
  return toolChoice === 'auto' ? choice(calls, free ?? withoutMarker(build)) : calls
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // No list, which the caller says.
    return undefined
  }
}

/** Any text that does not begin with the marker; free as soon as it differs. */
function withoutMarker({ literal, sequence, choice, bytes, empty, free }: ExpressionBuilder): Expression {
  let rest: Expression | undefined
  for (const character of [...marker].reverse()) {
    const code = character.charCodeAt(0)
    const other = sequence(bytes([0, code - 1], [code + 1, 255]), free)
    rest = rest ? choice(empty, other, sequence(literal(character), rest)) : choice(empty, other)
  }
  return rest!
}

export type ToolCall = { name: string; arguments: string }

export type CallReader = {
  /** Takes more of the answer; tells what became certain, in order. */
  push(text: string): CallEvent[]
  /** What was held back and is no call after all. */
  flush(): CallEvent[]
}

export type CallEvent =
  | { kind: 'content'; text: string }
  | { kind: 'call'; index: number; name: string }
  | { kind: 'arguments'; index: number; text: string }

/** Reads what the mask of `compileTools` lets through, however it is cut into pieces. */
export function createCallReader(): CallReader {
  let mode: 'open' | 'content' | 'name' | 'arguments' | 'close' = 'open'
  let held = ''
  let index = 0
  let scan = { depth: 0, inString: false, escaped: false }

  function step(): CallEvent[] | undefined {
    if (mode === 'content') return held === '' ? undefined : [{ kind: 'content', text: take(held.length) }]
    if (mode === 'open') {
      const wanted = index === 0 ? opening : `\n${opening}`
      if (held.length < wanted.length && wanted.startsWith(held)) return undefined
      if (!held.startsWith(wanted)) mode = 'content'
      else {
        take(wanted.length)
        mode = 'name'
      }
      return []
    }
    if (mode === 'name') {
      const end = held.indexOf(middle)
      if (end < 0) return undefined
      const name = take(end)
      take(middle.length)
      mode = 'arguments'
      scan = { depth: 0, inString: false, escaped: false }
      return [{ kind: 'call', index, name }]
    }
    if (mode === 'arguments') {
      const length = scanObject()
      if (length === 0) return undefined
      if (scan.depth === 0) mode = 'close'
      return [{ kind: 'arguments', index, text: take(length) }]
    }
    if (held.length < closing.length) return undefined
    take(closing.length)
    mode = 'open'
    index++
    return []
  }

  function take(length: number): string {
    const taken = held.slice(0, length)
    held = held.slice(length)
    return taken
  }

  /** Length of what belongs to the object that began with the arguments. */
  function scanObject(): number {
    for (let at = 0; at < held.length; at++) {
      const character = held[at]!
      if (scan.escaped) scan.escaped = false
      else if (scan.inString && character === '\\') scan.escaped = true
      else if (character === '"') scan.inString = !scan.inString
      else if (!scan.inString && (character === '{' || character === '[')) scan.depth++
      else if (!scan.inString && (character === '}' || character === ']') && --scan.depth === 0) return at + 1
    }
    return held.length
  }

  return {
    push(text) {
      held += text
      const events: CallEvent[] = []
      for (let more = step(); more; more = step()) events.push(...more)
      return events
    },
    flush() {
      const isText = mode === 'content' || (mode === 'open' && index === 0 && !held.startsWith(marker))
      return isText && held !== '' ? [{ kind: 'content', text: take(held.length) }] : []
    },
  }
}

/** The whole answer at once. */
export function readToolCalls(text: string): { content: string; calls: ToolCall[] } {
  const reader = createCallReader()
  const calls: ToolCall[] = []
  let content = ''
  for (const event of [...reader.push(text), ...reader.flush()]) {
    if (event.kind === 'content') content += event.text
    else if (event.kind === 'call') calls.push({ name: event.name, arguments: '' })
    else calls[event.index]!.arguments += event.text
  }
  return { content, calls }
}

/** A call as a message of the conversation has it. */
export function writeToolCall({ name, arguments: given }: ToolCall): string {
  return opening + name + middle + given + closing
}

/** Roles that a template without tools does not know, in words that it does; the tools as a system message. */
export function withoutToolRoles(messages: readonly ChatMessage[], tools: string): ChatMessage[] {
  const plain = messages.map(({ role, content }) =>
    role === 'tool' ? { role: 'user', content: `<tool_response>\n${content}\n</tool_response>` } : { role, content },
  )
  if (tools === '') return plain
  const [first, ...rest] = plain
  const told = describeTools(tools)
  if (first?.role === 'system') return [{ role: 'system', content: `${first.content}\n\n${told}` }, ...rest]
  return [{ role: 'system', content: told }, ...plain]
}

function describeTools(tools: string): string {
  const list = JSON.parse(tools) as unknown[]
  return [
    '# Tools',
    '',
    'You may call one or more functions to assist with the user query.',
    '',
    'You are provided with function signatures within <tools></tools> XML tags:',
    '<tools>',
    ...list.map((tool) => JSON.stringify(tool)),
    '</tools>',
    '',
    'For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:',
    '<tool_call>',
    '{"name": <function-name>, "arguments": <args-json-object>}',
    '</tool_call>',
  ].join('\n')
}
