/** A page cannot be called. */
import { WeightlessError } from '@weightless/codec'

export class ServerUnavailableError extends WeightlessError {
  constructor() {
    super('env/server-unavailable', 'A browser cannot listen on a port.')
  }
}
