/** Who signs: a wallet of the user, or a test key of the devnet, which says so in plain words. */
import { useMutation } from '@tanstack/react-query'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { chooseTestKey, type Signer, useSigner } from '../../network/signer.ts'
import { connectWallet, disconnectWallet, useWallets } from '../../network/wallets.ts'
import { Copyable, shorten } from '../../parts/Copyable.tsx'
import { ErrorNotice } from '../../parts/Notice.tsx'

export function SignerChooser() {
  const config = useNetwork()
  const signer = useSigner()
  return (
    <section aria-labelledby="signer" className="sheet grid gap-6 p-6 sm:p-8">
      <div className="flex flex-wrap items-start justify-between gap-4">
        <div className="min-w-0">
          <h2 id="signer" className="label">
            Signing as
          </h2>
          <SignerName signer={signer} />
        </div>
        {signer.kind === 'wallet' && (
          <button type="button" className="button button-small" onClick={() => void disconnectWallet(config)}>
            Disconnect
          </button>
        )}
      </div>
      {signer.kind === 'testKey' && (
        <p className="border-lift border-l-2 pl-4 text-soft">
          <strong className="font-[620] text-ink">This is a test key that everybody knows.</strong> It belongs to this
          devnet and is worth nothing elsewhere. Never send real money to it.
        </p>
      )}
      <div className="grid gap-6 sm:grid-cols-2">
        <TestKeys config={config} signer={signer} />
        <Wallets config={config} signer={signer} />
      </div>
    </section>
  )
}

function SignerName({ signer }: { signer: Signer }) {
  if (signer.kind === 'none') return <p className="mt-1 text-[1.375rem] font-[300]">Nobody yet</p>
  return (
    <div className="mt-1 grid gap-1">
      <p className="text-[1.375rem] font-[300] tracking-[-0.02em]">
        {signer.kind === 'wallet' ? signer.name : `Test key ${signer.index}`}
      </p>
      <Copyable text={signer.address} short={signer.address} what="address" />
    </div>
  )
}

function TestKeys({ config, signer }: { config: NetworkConfig; signer: Signer }) {
  const keys = config.chain.accounts.filter(({ privateKey }) => privateKey)
  if (keys.length === 0) return null
  return (
    <label className="grid content-start gap-1.5">
      <span className="label">Devnet test key</span>
      <select
        className="field"
        value={signer.kind === 'testKey' ? signer.index : ''}
        onChange={(event) => chooseTestKey(config, Number(event.target.value))}
      >
        {signer.kind !== 'testKey' && <option value="">Choose a test key</option>}
        {config.chain.accounts.map(({ address }, i) => (
          <option key={address} value={i}>
            {i} · {shorten(address)}
          </option>
        ))}
      </select>
    </label>
  )
}

function Wallets({ config, signer }: { config: NetworkConfig; signer: Signer }) {
  const wallets = useWallets(config)
  const { mutate, isPending, error, variables } = useMutation({
    mutationFn: (wallet: (typeof wallets)[number]) => connectWallet(config, wallet),
  })
  return (
    <div className="grid content-start gap-1.5">
      <h3 className="label">Wallet</h3>
      {wallets.length === 0 ? (
        <p className="text-soft text-sm">
          No wallet announced itself in this browser. A wallet extension that speaks EIP-6963 appears here by itself.
        </p>
      ) : (
        <div className="flex flex-wrap gap-2.5">
          {wallets.map((wallet) => (
            <button
              key={wallet.uid}
              type="button"
              className="button"
              disabled={isPending || (signer.kind === 'wallet' && signer.name === wallet.name)}
              onClick={() => mutate(wallet)}
            >
              {isPending && variables?.uid === wallet.uid ? 'Look at your wallet' : wallet.name}
            </button>
          ))}
        </div>
      )}
      {error && <ErrorNotice title="The wallet did not connect" error={error} />}
    </div>
  )
}
