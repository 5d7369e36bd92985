/** GPT-2's alphabet: one printable character for each byte, so that vocabularies can be written as text. */

/** Character of each byte. */
export const byteCharacters: readonly string[] = buildAlphabet()

/** Byte of each character. */
export const characterBytes: ReadonlyMap<string, number> = new Map(byteCharacters.map((text, byte) => [text, byte]))

function buildAlphabet(): string[] {
  const characters: string[] = []
  let next = 256
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    characters.push(String.fromCodePoint(printable ? byte : next++))
  }
  return characters
}
