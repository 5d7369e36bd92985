/** The bill of an answer to the token: tokens read and written, each at the price of the signed receipt, and their sum. */
import { Amount } from '../../parts/Amount.tsx'
import { formatAmount, formatCount } from '../../parts/formatAmount.ts'
import type { ChatTurn } from './useConversation.ts'

export function Bill({ turn }: { turn: ChatTurn }) {
  const { bundle, usage } = turn
  if (!bundle) return usage ? <Announced read={usage.promptTokens} written={usage.completionTokens} /> : null
  const { receipt, opening } = bundle
  const { inputWeiPerToken, outputWeiPerToken } = opening.price
  const [read, written] = [receipt.promptTokens, receipt.completionTokens].map(BigInt) as [bigint, bigint]
  const readWei = read * inputWeiPerToken
  const writtenWei = written * outputWeiPerToken
  return (
    <div className="grid max-w-[34rem] gap-1 text-sm">
      <p className="sr-only">
        {Number(read)} read, {Number(written)} written
      </p>
      <table className="w-full tabular-nums">
        <caption className="sr-only">Bill of this answer, from its receipt</caption>
        <tbody className="text-mute">
          <Line says="Tokens read" count={read} each={inputWeiPerToken} sum={readWei} />
          <Line says="Tokens written" count={written} each={outputWeiPerToken} sum={writtenWei} />
          <tr className="border-line border-t text-ink">
            <th scope="row" colSpan={2} className="py-1 text-left font-[560]">
              Bill
            </th>
            <td className="py-1 text-right font-[560]">
              <Amount wei={receipt.fee} />
            </td>
          </tr>
        </tbody>
      </table>
      {readWei + writtenWei !== receipt.fee && (
        <p role="alert" className="font-[560] text-bad">
          The bill is not the tokens times their price: that would be {formatAmount(readWei + writtenWei)}.
        </p>
      )}
    </div>
  )
}

function Line({ says, count, each, sum }: { says: string; count: bigint; each: bigint; sum: bigint }) {
  return (
    <tr>
      <th scope="row" className="py-0.5 text-left font-[420]">
        {says}
      </th>
      <td className="py-0.5 text-right">
        {formatCount(count)} × {formatAmount(each)}
      </td>
      <td className="py-0.5 pl-4 text-right" title={`${sum} wei`}>
        {formatAmount(sum)}
      </td>
    </tr>
  )
}

/** Before the receipt is there: what the provider counted, without a price that nobody signed. */
function Announced({ read, written }: { read: number; written: number }) {
  return (
    <p className="text-mute text-sm tabular-nums">
      {read} read, {written} written
    </p>
  )
}
