/** Texts that try tokenizers: pieces of a book, blanks and line ends in runs, special tokens whole and broken, characters of many scripts. */
import { philox4x32 } from '@weightless/tensor/sampler/philox'

const odd = [
  ...[
    ' ',
    '  ',
    '    ',
    '\n',
    '\n\n',
    '\n \n',
    '\t',
    '\r\n',
    '▁',
    '▁▁',
    'é',
    'e\u0301',
    '中文',
    '👍🏽',
    '\u{10ffff}',
    '\u0000',
    '½',
    '٣',
  ],
  ...[
    '<bos>',
    '<start_of_turn>',
    '<end_of_turn>',
    '<unk>',
    '<unused0>',
    '<0x0A>',
    '<',
    '>',
    '<start',
    '_of_turn>',
    '<table>',
    '</table>',
  ],
  ...[
    '<|im_start|>',
    '<|im_end|>',
    '<|endoftext|>',
    "'s",
    "'LL",
    '12345',
    '0.5',
    'q',
    'z7',
    'İ',
    'ß',
    'ﬁ',
    '한국어',
    'ا',
    '\u200d',
    '\ufeff',
  ],
]

/** @param book - what pieces are cut from */
export function drawText(book: string, seed: number, index: number): string {
  const parts: string[] = []
  const count = 1 + (philox4x32([index, 0, 0, 0], [seed, 31])[0] % 12)
  for (let part = 1; part <= count; part++) {
    const [kind, at, length] = philox4x32([index, part, 0, 0], [seed, 31]) as [number, number, number]
    if (kind % 3 === 0) parts.push(book.slice(at % book.length, (at % book.length) + (length % 60)))
    else if (kind % 3 === 1) parts.push(odd[at % odd.length]!)
    else parts.push(odd[at % odd.length]!.repeat(1 + (length % 4)))
  }
  return parts.join('')
}
