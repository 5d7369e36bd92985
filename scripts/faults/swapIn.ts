/** @throws {Error} unless the check stands in the source exactly once */
export function swapIn(source: string, { check, without }: { check: string; without: string }): string {
  const parts = source.split(check)
  if (parts.length !== 2) throw new Error(`the check stands there ${parts.length - 1} times, not once: ${check}`)
  return parts.join(without)
}
