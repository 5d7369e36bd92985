/** What an exact engine is asked, whichever of the three paths it came by: the receipt is about the chat that it means. COMPUTE §4 */
import { type ChatRequest, readChatRequest } from './chatRequest.ts'
import { readCompletionRequest } from './completionRequest.ts'
import { type FieldVerdict, refuseField } from './readFields.ts'
import { readResponsesRequest } from './responsesRequest.ts'
import type { ServicePath } from './services.ts'

type Form = {
  read(body: unknown): FieldVerdict<ChatRequest>
  /** Begins the job's id, as clients know it. */
  idPrefix: string
  promptField: string
  limitField: string
}

const forms = {
  '/v1/chat/completions': {
    read: readChatRequest,
    idPrefix: 'chatcmpl-',
    promptField: 'messages',
    limitField: 'max_completion_tokens',
  },
  '/v1/completions': {
    read: readCompletionRequest,
    idPrefix: 'cmpl-',
    promptField: 'prompt',
    limitField: 'max_tokens',
  },
  '/v1/responses': {
    read: readResponsesRequest,
    idPrefix: 'resp_',
    promptField: 'input',
    limitField: 'max_output_tokens',
  },
} as const satisfies Partial<Record<ServicePath, Form>>

export type ExactPath = keyof typeof forms

export function isExactPath(path: ServicePath): path is ExactPath {
  return Object.hasOwn(forms, path)
}

export function formOf(path: ExactPath): Form {
  return forms[path]
}

export function readExactRequest(path: ServicePath, body: unknown): FieldVerdict<ChatRequest> {
  if (isExactPath(path)) return forms[path].read(body)
  return refuseField('not_found', `${path} is not sold by this provider: its engine answers chats and prompts.`)
}
