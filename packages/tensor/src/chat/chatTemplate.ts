/** Turns a conversation into a prompt with the model's own Jinja template. */
import { Environment, Interpreter, Template } from '@huggingface/jinja'
import { WeightlessError } from '@weightless/codec'
import { withoutToolRoles } from '../grammar/toolCalls.ts'
import type { Tokenizer } from '../tokenizer/readTokenizer.ts'
import type { ChatMessage } from './chatMessage.ts'

/**
 * Role of a text that goes to the model as it is, without template: the only message of its conversation. Spec: spec/tensor.md
 * §6.4, spec/receipt.md §4.3.
 */
export const promptRole = 'prompt'

/** `answer`: the prompt ends with what begins an answer; `message`: with the last message. */
export type ChatEnding = 'answer' | 'message'

const rangeMax = 10_000

/** What a template is told of the tokens that begin and end a text; -1 where there is none. */
export type TemplateTokens = Pick<Tokenizer, 'tokenText'> & {
  tables: Pick<Tokenizer['tables'], 'beginToken' | 'endToken'>
}

/** @param source - the template; an empty one makes a renderer that throws for all but a raw prompt */
export function createChatTemplate(
  source: string,
  tokenizer: TemplateTokens,
): (messages: readonly ChatMessage[], ending?: ChatEnding, tools?: string) => string {
  let template: Template | undefined
  const knowsTools = /\btools\b/.test(source)
  return (messages, ending = 'answer', tools = '') => {
    if (messages.some(({ role }) => role === promptRole)) {
      if (messages.length > 1) throw new ChatTemplateError(`the role ${promptRole} is for one text alone`)
      return messages[0]!.content
    }
    if (source === '') throw new ChatTemplateError('the model has no chat template')
    try {
      template ??= new Template(source)
      const told = knowsTools ? messages : withoutToolRoles(messages, tools)
      const environment = createEnvironment(told, tokenizer, ending)
      if (knowsTools && tools !== '') environment.set('tools', JSON.parse(tools))
      return String(new Interpreter(environment).run(template.parsed).value)
    } catch (cause) {
      if (cause instanceof ChatTemplateError) throw cause
      throw new ChatTemplateError(cause instanceof Error ? cause.message : String(cause), cause)
    }
  }
}

/** What a template sees: not the time, since a prompt must not depend on when it is made, and no endless ranges. */
function createEnvironment(
  messages: readonly ChatMessage[],
  tokenizer: TemplateTokens,
  ending: ChatEnding,
): Environment {
  const environment = new Environment()
  const globals: Record<string, unknown> = {
    messages: messages.map(({ role, content }) => ({ role, content })),
    add_generation_prompt: ending === 'answer',
    bos_token: tokenizer.tokenText(tokenizer.tables.beginToken),
    eos_token: tokenizer.tokenText(tokenizer.tables.endToken),
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    range: boundedRange,
    raise_exception: (reason: string) => {
      throw new ChatTemplateError(reason)
    },
  }
  for (const [name, value] of Object.entries(globals)) environment.set(name, value)
  return environment
}

function boundedRange(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop]
  const values: number[] = []
  if (step === 0) throw new ChatTemplateError('range() step must not be zero')
  for (let value = from; step > 0 ? value < to : value > to; value += step) {
    if (values.length === rangeMax) throw new ChatTemplateError('range() is too long')
    values.push(value)
  }
  return values
}

export class ChatTemplateError extends WeightlessError {
  constructor(reason: string, cause?: unknown) {
    super(
      'tensor/chat-template',
      'The conversation does not fit the chat template of the model.',
      { reason },
      { cause },
    )
  }
}
