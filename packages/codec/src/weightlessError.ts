/** The one base of every fault that this project throws: a stable code, facts as data, and what to do next. */
export class WeightlessError extends Error {
  /** `area/what`, stable across versions, e.g. `storage/proof-invalid`. */
  readonly code: string
  readonly shortMessage: string
  readonly facts: ErrorFacts
  /** What the user can do next. */
  readonly hint: string | undefined

  constructor(
    code: string,
    shortMessage: string,
    facts: ErrorFacts = {},
    options: { cause?: unknown; hint?: string } = {},
  ) {
    super(render(shortMessage, facts, options.hint), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.shortMessage = shortMessage
    this.facts = facts
    this.hint = options.hint
  }

  /** First error of the cause chain, this one included, for which `matches` holds; the deepest error without it. */
  walk(matches?: (error: unknown) => boolean): unknown {
    let current: unknown = this
    for (let depth = 0; depth < 32; depth++) {
      if (matches?.(current)) return current
      const cause = current instanceof Error ? current.cause : undefined
      if (cause === undefined || cause === null) return matches ? undefined : current
      current = cause
    }
    return undefined
  }
}

export type ErrorFacts = { readonly [name: string]: string | number | bigint | boolean | null | undefined }

function render(shortMessage: string, facts: ErrorFacts, hint: string | undefined): string {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  const list = known.map(([name, value]) => `${name}=${String(value)}`).join(', ')
  return [shortMessage, list && `(${list})`, hint].filter(Boolean).join(' ')
}
