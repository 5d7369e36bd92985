/** Finds the texts of special tokens in a text: longest first, as llama.cpp does. Spec: spec/tensor.md §6.2. */

/** Pieces of the text between special tokens, never empty, and those tokens, in order. */
export type FindSpecials = (text: string) => readonly (string | number)[]

/** @param tokens - token by text; empty texts are never found */
export function createSpecialFinder(tokens: ReadonlyMap<string, number>): FindSpecials {
  const groups = groupByLength(tokens)
  return (text) => groups.reduce<readonly (string | number)[]>(cutPieces, text === '' ? [] : [text])
}

/** Texts of one length, and the code units that they begin with. */
type Group = { bytes: number; units: number; tokens: Map<string, number>; firsts: Set<number> }

function groupByLength(tokens: ReadonlyMap<string, number>): Group[] {
  const groups = new Map<string, Group>()
  for (const [text, token] of tokens) {
    if (text === '') continue
    const [bytes, units] = [utf8.encode(text).length, text.length]
    const name = `${bytes} ${units}`
    const group = groups.get(name) ?? { bytes, units, tokens: new Map(), firsts: new Set() }
    groups.set(name, group)
    group.tokens.set(text, token)
    group.firsts.add(text.charCodeAt(0))
  }
  return [...groups.values()].sort((a, b) => b.bytes - a.bytes || b.units - a.units)
}

const utf8 = new TextEncoder()

function cutPieces(pieces: readonly (string | number)[], group: Group): (string | number)[] {
  return pieces.flatMap((piece) => (typeof piece === 'number' ? [piece] : cutPiece(piece, group)))
}

function cutPiece(text: string, { units, tokens, firsts }: Group): (string | number)[] {
  const out: (string | number)[] = []
  let end = 0
  for (let at = 0; at + units <= text.length; at++) {
    if (!firsts.has(text.charCodeAt(at))) continue
    const token = tokens.get(text.slice(at, at + units))
    if (token === undefined) continue
    if (at > end) out.push(text.slice(end, at))
    out.push(token)
    end = at + units
    at = end - 1
  }
  if (end === 0) return [text]
  if (end < text.length) out.push(text.slice(end))
  return out
}
