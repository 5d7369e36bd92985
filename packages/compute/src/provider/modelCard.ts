/** What `/v1/models` says of the one model that a provider serves. COMPUTE §5.3 */
import type { ModelCard } from '../wire/chatAnswer.ts'
import type { ProviderContext } from './providerContext.ts'

export function modelCard({ engine, address, price, verifiability }: ProviderContext): ModelCard {
  const { name, modelRoot, programId, tokenizerRoot, contextLength } = engine.model
  return {
    id: name,
    object: 'model',
    created: Number(price.updatedAt),
    owned_by: address,
    provider: address,
    root: modelRoot,
    program_id: programId,
    tokenizer_root: tokenizerRoot,
    context_length: contextLength,
    verifiability,
    pricing: {
      prompt: price.inputWeiPerToken.toString(),
      completion: price.outputWeiPerToken.toString(),
      updated_at: price.updatedAt.toString(),
    },
  }
}
