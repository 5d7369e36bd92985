/** Sets what a token is worth in a currency, so that prices and bills are shown in both; off until the user types a rate. */
import { useState } from 'react'
import { type Currency, currencies, readPerToken, setCurrencyRate, useCurrencyRate } from '../../parts/currencyRate.ts'

export function CurrencyChoice() {
  const rate = useCurrencyRate()
  const [text, setText] = useState(rate ? String(rate.perToken) : '')
  const [currency, setCurrency] = useState<Currency>(rate?.currency ?? 'EUR')
  const perToken = readPerToken(text)
  const isWrong = text.trim() !== '' && perToken === undefined
  return (
    <section aria-labelledby="currency">
      <h2 id="currency" className="heading mb-1">
        Currency
      </h2>
      <p className="mb-3 max-w-[42rem] text-mute text-sm">
        {rate
          ? `Prices and bills are also shown in ${rate.currency}, at your rate.`
          : 'Prices and bills are shown in tokens of the network alone.'}{' '}
        The rate is yours: it is kept in this browser, and none is fetched.
      </p>
      <form
        className="flex max-w-[34rem] flex-wrap items-center gap-2.5"
        onSubmit={(event) => {
          event.preventDefault()
          if (perToken !== undefined) setCurrencyRate({ currency, perToken })
        }}
      >
        <span className="text-soft">1 0G =</span>
        <input
          className="field w-32 tabular-nums"
          inputMode="decimal"
          aria-label="Worth of one 0G"
          aria-invalid={isWrong}
          aria-describedby="currency-hint"
          placeholder="1.25"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <select
          className="field w-28"
          aria-label="Currency"
          value={currency}
          onChange={(event) => setCurrency(event.target.value as Currency)}
        >
          {currencies.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
        <button type="submit" className="button button-solid" disabled={perToken === undefined}>
          Show both
        </button>
        {rate && (
          <button type="button" className="button" onClick={() => setCurrencyRate(undefined)}>
            Tokens alone
          </button>
        )}
      </form>
      <p id="currency-hint" className="mt-2 text-bad text-sm">
        {isWrong && 'A positive number, such as 1.25.'}
      </p>
    </section>
  )
}
