/** What a model answered: several answers one below the other. */
import { choicesOf } from '@weightless/receipt/bundle'
import type { ChatOpening } from '@weightless/receipt/openedReceipt'

export const answerText = (opening: ChatOpening): string =>
  choicesOf(opening)
    .map(({ outputText }) => outputText)
    .join('\n\n')
