/** The most that a request can cost, without the model's tokenizer: what the user signs for before it is sent. COMPUTE §7.1 */
import { textToBytes } from '@weightless/codec'
import { feeOf } from '@weightless/receipt'
import type { ChatRequest } from '../wire/chatRequest.ts'
import { choicesOfRequest } from '../wire/commitRequest.ts'
import type { ListedProvider } from './providerDirectory.ts'

/** Every token of a byte-level vocabulary stands for at least one byte. */
const templateTokens = 256
/** Role markers and line ends around each message. */
const tokensPerMessage = 16
/** Around the result of a call. */
const tokensPerResult = 32
/** What a template says of tools, whose JSON some templates indent. */
const toolTokens = 512
const bytesPerToolByte = 4

export type JobQuote = { maxTokens: number; maxFee: bigint }

export function quoteJob(request: ChatRequest, provider: ListedProvider, defaultMaxTokens: number): JobQuote {
  const maxTokens = request.maxTokens ?? defaultMaxTokens
  let promptTokens = templateTokens
  for (const { role, content } of request.messages) {
    promptTokens +=
      (role === 'tool' ? tokensPerResult : tokensPerMessage) + textToBytes(role).length + textToBytes(content).length
  }
  const tools = request.shape?.tools ?? ''
  if (tools !== '') promptTokens += toolTokens + bytesPerToolByte * textToBytes(tools).length
  const room = provider.contextLength > 0 ? provider.contextLength : Number.MAX_SAFE_INTEGER
  const maxFee = feeOf(provider.price, {
    promptTokens: BigInt(Math.min(promptTokens, room)),
    completionTokens: BigInt(choicesOfRequest(request)) * BigInt(Math.min(maxTokens, room)),
  })
  return { maxTokens, maxFee }
}
