/** Judges a verdict file again, from the model's file alone. Spec: spec/dispute.md §10 */
import type { VerdictFile } from '@weightless/compute/wire'
import type { ByteSource } from '@weightless/tensor'
import type { Judgement } from './weighVerdict.ts'

/**
 * @param model - the receipt's, as a file; read once through for its root
 * @throws {GgufInvalidError} for a model that has the receipt's root and is none of ours
 */
export async function judgeVerdict(
  file: VerdictFile,
  model: Uint8Array | ByteSource,
  options: { signal?: AbortSignal } = {},
): Promise<Judgement> {
  // Whoever only chats should not have to load the reader of models.
  const { weighVerdict } = await import('./weighVerdict.ts')
  return weighVerdict(file, model, options)
}
