/** The one error for files of an encoder that are not what they say, do not belong together, or are of a kind not supported. */
import { WeightlessError } from '@weightless/codec'

export class EncoderInvalidError extends WeightlessError {
  constructor(reason: string, facts: { name?: string; value?: string | number } = {}) {
    super('tensor/encoder-invalid', `These files are no encoder that can be run: ${reason}.`, facts, {
      hint: 'Needed are the config.json, tokenizer.json and safetensors weights of one BERT encoder with absolute positions.',
    })
  }
}
