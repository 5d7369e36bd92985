/** The SDK's client for the present network and signer; its code is fetched when a page first needs it. */
import type { Client } from '@weightless/sdk'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { useCallback } from 'react'
import { useNetwork } from './NetworkProvider.tsx'
import { type Signer, useSigner } from './signer.ts'

export type LoadClient = () => Promise<Client>

/** Gives a function, because most of what a page shows does not need the client at once. */
export function useLoadClient(): LoadClient {
  const config = useNetwork()
  const signer = useSigner()
  return useCallback(() => loadClient(config, signer), [config, signer])
}

let made: { config: NetworkConfig; signer: Signer; client: Promise<Client> } | undefined

function loadClient(config: NetworkConfig, signer: Signer): Promise<Client> {
  if (made?.config !== config || made.signer !== signer) {
    const client = import('./makeClient.ts').then(({ makeClient }) => makeClient(config, signer))
    client.catch(() => {
      // A chunk that could not be fetched must be asked for again next time.
      made = undefined
    })
    made = { config, signer, client }
  }
  return made.client
}
