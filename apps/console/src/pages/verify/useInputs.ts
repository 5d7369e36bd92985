/** Everything that was given for a check: the document, and beside it a model, or the request and the encoder of embeddings. */
import { useCallback, useState } from 'react'
import type { EncoderParts, HashedFile, LocalWeights } from '../../verify/checkMessages.ts'
import { type Document, readDocument } from './readDocument.ts'

export type Inputs = {
  document?: Document
  /** What was given last and cannot be used. */
  fault?: { name: string; says: string }
  weights?: LocalWeights & { name: string }
  request?: File
  encoder: Partial<EncoderParts>
}

export function useInputs() {
  const [inputs, setInputs] = useState<Inputs>({ encoder: {} })
  const offer = useCallback(async (files: readonly File[]) => {
    let found: Partial<Inputs> = {}
    for (const file of files) found = { ...found, ...(await sort(file, found)) }
    setInputs(({ fault: _, ...now }) => ({ ...now, ...found, encoder: { ...now.encoder, ...found.encoder } }))
  }, [])
  const noteHash = useCallback((hashed: HashedFile) => {
    setInputs((now) => (now.weights ? { ...now, weights: { ...now.weights, hashed } } : now))
  }, [])
  const clear = useCallback(() => {
    // The model stays: the next document may be about the same.
    setInputs(({ weights, encoder }) => ({ ...(weights && { weights }), encoder }))
  }, [])
  return { inputs, offer, noteHash, clear }
}

/** What a file is, by its first bytes and its name. */
async function sort(file: File, found: Partial<Inputs>): Promise<Partial<Inputs>> {
  const head = await file.slice(0, 4).text()
  if (head === 'GGUF') return { weights: { name: file.name, file } }
  const part = encoderPart(file.name)
  if (part) return { encoder: { ...found.encoder, [part]: file } }
  const read = await readDocument(file.name, file)
  if ('document' in read) return { document: read.document }
  const isRequest = read.isJson && /request|body/i.test(file.name)
  return isRequest ? { request: file } : { fault: { name: file.name, says: read.fault } }
}

function encoderPart(name: string): keyof EncoderParts | undefined {
  if (name.endsWith('.safetensors')) return 'weights'
  if (name === 'config.json') return 'config'
  return name === 'tokenizer.json' ? 'tokenizer' : undefined
}
