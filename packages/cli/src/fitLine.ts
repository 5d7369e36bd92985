/** Makes a line fit the terminal: long hex (roots, hashes, addresses) is shortened in its middle, then the end is cut. */

/**
 * @param columns - of the terminal; undefined (a file or a pipe) leaves the line whole, and so does a width in which nothing
 * could be read: some terminals say 0
 * Colours (SGR sequences) take no room and are kept, so that a cut line does not colour the next.
 */
export function fitLine(text: string, columns: number | undefined): string {
  if (columns === undefined || columns < columnsMin || widthOf(text) <= columns) return text
  // A private key is of no use in part: the line that has one wraps.
  if (text.includes('funded key')) return text
  const shortened = text.replace(/0x([0-9a-fA-F]{6})[0-9a-fA-F]{26,}([0-9a-fA-F]{4})\b/g, '0x$1…$2')
  return widthOf(shortened) <= columns ? shortened : cut(shortened, columns)
}

const columnsMin = 20

function cut(text: string, columns: number): string {
  let left = Math.max(1, columns - 1)
  let out = ''
  for (const part of text.split(colour)) {
    if (part.startsWith('\x1b')) out += part
    else {
      const kept = [...part].slice(0, left)
      const all = kept.length === [...part].length
      out += kept.join('') + (all || left === 0 ? '' : '…')
      left -= all ? kept.length : left
    }
  }
  return out
}

const widthOf = (text: string): number => [...text.replaceAll(colour, '')].length

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with one.
const colour = /(\x1b\[[0-9;]*m)/g
