/** One hash over everything that decides how a text becomes tokens. Spec: spec/tensor.md §6.4. */
import { createSha256 } from '@weightless/crypto'
import type { TokenizerTables } from './readTables.ts'
import { takesWholeWords } from './splitText.ts'
import { unicodeVersion } from './unicodeRanges.generated.ts'

export function tokenizerRoot(tables: TokenizerTables): Uint8Array {
  const hash = createSha256()
  const put = (text: string) => {
    const bytes = utf8.encode(text)
    hash.update(utf8.encode(`${bytes.length}:`))
    hash.update(bytes)
  }
  put('weightless/tokenizer/1')
  put(tables.model)
  put(tables.pre)
  if (takesWholeWords(tables.pre)) put('whole words')
  put(`unicode ${unicodeVersion}`)
  put(`begin ${tables.beginToken} end ${tables.endToken} add-begin ${tables.addBegin}`)
  put(`stop ${tables.stopTokens.join(' ')}`)
  put(`tokens ${tables.tokens.length}`)
  putAll(put, tables.tokens)
  put(`types ${Array.from(tables.types).join(' ')}`)
  put(`merges ${tables.merges.length}`)
  putAll(put, tables.merges)
  if (tables.pieces) {
    put(`space prefix ${tables.pieces.spacePrefix}`)
    put(`scores ${Array.from(tables.pieces.scores).join(' ')}`)
  }
  return hash.digest()
}

/** In batches, because the hasher may keep its state outside between calls. */
function putAll(put: (text: string) => void, texts: readonly string[]): void {
  for (let start = 0; start < texts.length; start += 4096) {
    put(
      texts
        .slice(start, start + 4096)
        .map((text) => `${text.length}:${text}`)
        .join(''),
    )
  }
}

const utf8 = new TextEncoder()
