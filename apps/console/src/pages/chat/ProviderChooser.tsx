/** Who answers: whoever the gateway takes, or one of the offers with its price and what the gateway measured of it. */
import type { Hex } from '@weightless/codec'
import type { OfferedModel } from '@weightless/sdk'
import { shorten } from '../../parts/Copyable.tsx'
import { type CurrencyRate, formatInCurrency, useCurrencyRate } from '../../parts/currencyRate.ts'
import { formatAmount, formatMs, perMillion } from '../../parts/formatAmount.ts'

export function ProviderChooser(props: {
  offers: readonly OfferedModel[]
  provider: Hex | undefined
  onChoose: (provider: Hex | undefined) => void
}) {
  const { offers, provider, onChoose } = props
  const rate = useCurrencyRate()
  const chosen = offers.find((offer) => offer.provider === provider)
  return (
    <div className="grid gap-1">
      <label className="flex items-center gap-2">
        <span className="sr-only">Provider</span>
        <select
          className="field min-h-9 max-w-[15rem] py-1 text-sm"
          value={provider ?? ''}
          onChange={(event) => onChoose((event.target.value || undefined) as Hex | undefined)}
        >
          <option value="">Any provider</option>
          {provider && !chosen && <option value={provider}>{shorten(provider)} · not listed just now</option>}
          {offers.map((offer) => (
            <option key={offer.provider} value={offer.provider}>
              {shorten(offer.provider)} · {sayPrice(offer, rate)} · {sayFirstToken(offer)}
            </option>
          ))}
        </select>
      </label>
      {chosen && (
        <p className="text-mute text-xs sm:text-right">
          {sayPrice(chosen, rate)} · {sayFirstToken(chosen)}
        </p>
      )}
    </div>
  )
}

function sayPrice({ inputWeiPerToken, outputWeiPerToken }: OfferedModel, rate: CurrencyRate | undefined): string {
  const say = (wei: bigint) => {
    const million = perMillion(wei)
    return rate ? `${formatAmount(million)} (${formatInCurrency(million, rate)})` : formatAmount(million)
  }
  return `${say(inputWeiPerToken)} in, ${say(outputWeiPerToken)} out per million`
}

function sayFirstToken({ health }: OfferedModel): string {
  return health.firstTokenMs === undefined
    ? 'first token not measured yet'
    : `first token ${formatMs(health.firstTokenMs)}`
}
