/** What a token is worth to this user, in a currency of her choice: typed in by her, kept in this browser, never fetched. */
import { useSyncExternalStore } from 'react'
import { formatEther } from 'viem'

export const currencies = ['EUR', 'USD'] as const
export type Currency = (typeof currencies)[number]
export type CurrencyRate = { currency: Currency; perToken: number }

const storageKey = 'weightless.currencyRate'
const perTokenMax = 1e9
const listeners = new Set<() => void>()
let rate = readKept()

/** Undefined while no rate is set: amounts are then shown in tokens alone. */
export function useCurrencyRate(): CurrencyRate | undefined {
  return useSyncExternalStore(subscribe, () => rate)
}

export function setCurrencyRate(next: CurrencyRate | undefined): void {
  rate = next
  if (next) localStorage.setItem(storageKey, JSON.stringify(next))
  else localStorage.removeItem(storageKey)
  for (const listener of listeners) listener()
}

/** A positive number as people type it; undefined for anything else. */
export function readPerToken(text: string): number | undefined {
  const typed = text.trim().replace(',', '.')
  if (!/^\d{1,10}(\.\d{0,12})?$/.test(typed)) return undefined
  const perToken = Number(typed)
  return perToken > 0 && perToken <= perTokenMax ? perToken : undefined
}

/** Three digits that say something, however small the sum: `0.0000012 EUR`. */
export function formatInCurrency(wei: bigint, { currency, perToken }: CurrencyRate): string {
  const value = Number(formatEther(wei)) * perToken
  const digits = Math.abs(value) >= 100 ? { maximumFractionDigits: 2 } : { maximumSignificantDigits: 3 }
  return `${value.toLocaleString('en', digits)} ${currency}`
}

function readKept(): CurrencyRate | undefined {
  try {
    const { currency, perToken } = JSON.parse(localStorage.getItem(storageKey) ?? 'null') ?? {}
    const known = currencies.find((each) => each === currency)
    return known && readPerToken(String(perToken)) !== undefined ? { currency: known, perToken } : undefined
  } catch {
    // Somebody else's text under our name: no rate.
    return undefined
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
