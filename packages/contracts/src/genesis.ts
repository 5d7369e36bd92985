/** The form of a chain's first state: what each account holds before block 1. */

type Hex = `0x${string}`

export type GenesisAccount = {
  readonly balance?: bigint
  readonly nonce?: number
  /** Runtime code. */
  readonly code?: Hex
  /** 32-byte slots to 32-byte values, none zero. */
  readonly storage?: { readonly [slot: Hex]: Hex }
}

/** Checksummed addresses to accounts. */
export type GenesisAlloc = { readonly [address: Hex]: GenesisAccount }

export type Genesis = {
  readonly chainId: number
  /** Block timestamp under which the contracts were initialised; block 0 should carry it. */
  readonly timestampSeconds: number
  /** Of the funded accounts, in order, on the usual path m/44'/60'/0'/0/i. */
  readonly mnemonic: string
  /** Which of them owns the contracts. */
  readonly ownerAccountIndex: number
  readonly alloc: GenesisAlloc
}
