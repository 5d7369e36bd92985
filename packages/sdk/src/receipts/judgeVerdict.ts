/** Judges a verdict file again, from the model's file alone. Spec: spec/dispute.md §10 */
import type { VerdictFile } from '@weightless/compute/wire'
import type { ModelFile } from './requireWeights.ts'
import type { Judgement } from './weighVerdict.ts'

/**
 * @param model - the receipt's, as a file; read once through for its root, unless it proves what it reads (`client.files.open`)
 * @throws {GgufInvalidError} for a model that has the receipt's root and is none of ours
 */
export async function judgeVerdict(
  file: VerdictFile,
  model: ModelFile,
  options: { signal?: AbortSignal } = {},
): Promise<Judgement> {
  // Whoever only chats should not have to load the reader of models.
  const { weighVerdict } = await import('./weighVerdict.ts')
  return weighVerdict(file, model, options)
}
