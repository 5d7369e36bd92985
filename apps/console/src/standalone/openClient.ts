/** Takes the place of the console's client: the page on disk has no network to open one on. */
import { WeightlessError } from '@weightless/codec'

/** @throws {WeightlessError} always */
export function openClient(): never {
  throw new WeightlessError('console/no-network', 'This file reaches no network.', {})
}
