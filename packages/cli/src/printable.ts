/**
 * Makes words of strangers (a model's answer, a server's refusal, a file's name) safe for a terminal: escape sequences
 * could otherwise rewrite the screen, set its title or put text into the clipboard.
 */

/** Line ends and tabs stay, every other control character becomes `�`; what is printed as JSON needs none of this. */
export function printable(text: string): string {
  return text.replace(controls, '�')
}

/** C0 without tab and line feed, DEL, C1, and the marks that turn the direction of writing around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g
