/** Option parsers that refuse what is not a number in range, as wrong usage (exit code 2). */
import { InvalidArgumentError } from 'commander'
import { parseEther } from 'viem'

export function wholeNumber({ min, max }: { min: number; max: number }): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed.`)
    return value
  }
}

export function decimalNumber({ min, max }: { min: number; max: number }): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max)
      throw new InvalidArgumentError(`a number from ${min} to ${max} is needed.`)
    return value
  }
}

/** In wei. */
export function readTokens(text: string): bigint {
  if (!/^\d{1,12}(\.\d{1,18})?$/.test(text)) throw new InvalidArgumentError('tokens are needed, such as 2 or 0.5.')
  return parseEther(text)
}
