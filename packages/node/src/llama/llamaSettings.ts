/** What a provider and its process of llama.cpp tell each other at the start. */
import type { LlamaModelOptions } from './openLlamaModel.ts'

/** Environment variable with the key that requests must bring. */
export const keyVariable = 'WEIGHTLESS_LLAMA_KEY'

/** As JSON, the only argument. */
export type LlamaSettings = Omit<LlamaModelOptions, 'onWarning'> & { name: string }

/** The line that says that it serves. */
export type LlamaOpen = { type: 'open'; url: string; contextLength: number; gpu: string | false }
