/** What is said of a schema, or of a list of tools, that no mask is made for. */
import { WeightlessError } from '@weightless/codec'

export class SchemaUnsupportedError extends WeightlessError {
  constructor(facts: { at: string; reason: string }) {
    super(
      'tensor/schema-unsupported',
      `The schema cannot be enforced: ${facts.at || 'its root'} ${facts.reason}.`,
      facts,
    )
  }
}
