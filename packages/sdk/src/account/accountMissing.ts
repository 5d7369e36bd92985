/** The error of a client that has no account where one is needed. */
import { WeightlessError } from '@weightless/codec'

export class AccountMissingError extends WeightlessError {
  constructor() {
    super(
      'sdk/account-missing',
      'There is no account whose balance could be read.',
      {},
      {
        hint: 'Give createClient an account, or name an address.',
      },
    )
  }
}
