/** Makes embeddings again from the request's bytes and the model's files, and compares them byte by byte; nobody is asked. */
import type { Bundle, Verification, VerifyBodyOptions } from '@weightless/receipt'

export async function verifyEmbeddings(
  bundle: Bundle,
  options: Omit<VerifyBodyOptions, 'remake'>,
): Promise<Verification> {
  // They bring the tensor engine; who only chats should not have to load it.
  const { verifyBody } = await import('@weightless/receipt/verifyBody')
  const { remakeEmbeddings } = await import('@weightless/compute/wire')
  return verifyBody(bundle, { ...options, remake: (encoder, request) => remakeEmbeddings(encoder, request) })
}
