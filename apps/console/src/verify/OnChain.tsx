/** Sends what a check found to the chain, by whoever signs in this browser; nothing where no contract of this network could take it. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import type { ReactNode } from 'react'
import { useKnownNetwork } from '../network/NetworkProvider.tsx'
import { type Signer, useSigner } from '../network/signer.ts'
import { ErrorNotice } from '../parts/Notice.tsx'
import type { CheckJob, CheckResult, LocalWeights } from './checkMessages.ts'
import { Running } from './Running.tsx'
import { useCheck } from './useCheck.ts'

export type OnChainProps = {
  job: CheckJob
  weights?: LocalWeights | undefined
  /** Of the receipt. */
  chainId: bigint
  label: string
  /** What it does and costs. */
  says: ReactNode
  failed: string
  children: (result: CheckResult) => ReactNode
}

export function OnChain(props: OnChainProps) {
  const config = useKnownNetwork()
  const isHere = config && BigInt(config.chain.chainId) === props.chainId && config.contracts.disputeGame !== undefined
  return isHere ? <Sending {...props} config={config} /> : null
}

function Sending({ job, weights, label, says, failed, children, config }: OnChainProps & { config: NetworkConfig }) {
  const signer = useSigner()
  const { state, start, reset } = useCheck()
  const run = () => start({ job, config, weights, signer })
  if (state.step === 'running') return <Running progress={state.progress} onStop={reset} />
  if (state.step === 'failed') return <ErrorNotice title={failed} error={state.error} onRetry={run} />
  if (state.step === 'finished') return children(state.finished.result)
  return (
    <div className="grid gap-2">
      <button type="button" className="button w-fit" disabled={signer.kind === 'none'} onClick={run}>
        {label}
      </button>
      <p className="text-mute text-sm">
        {says} <Payer signer={signer} />
      </p>
    </div>
  )
}

function Payer({ signer }: { signer: Signer }) {
  if (signer.kind === 'wallet') return <>Your wallet {signer.name} is asked for each transaction.</>
  const account = (
    <a href="/account" className="link">
      Account
    </a>
  )
  return signer.kind === 'testKey' ? (
    <>
      Test key {signer.index} sends it; another one, or a wallet, is chosen under {account}.
    </>
  ) : (
    <>Who sends it is chosen under {account}.</>
  )
}
