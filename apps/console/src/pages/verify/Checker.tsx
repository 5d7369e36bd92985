/** Checks what somebody gave: an answer by executing it again, a verdict by computing its number again. Needs no network once the model is here. */
import type { Hex } from '@weightless/codec'
import { type ReactNode, useEffect, useRef } from 'react'
import { useKnownNetwork } from '../../network/NetworkProvider.tsx'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { type CheckedDocument, FinishedCheck } from '../../verify/FinishedCheck.tsx'
import { OpenDispute } from '../../verify/OpenDispute.tsx'
import { Running } from '../../verify/Running.tsx'
import { useCheck } from '../../verify/useCheck.ts'
import { DocumentCard } from './DocumentCard.tsx'
import { DocumentDrop } from './DocumentDrop.tsx'
import { KeptModels } from './KeptModels.tsx'
import { planCheck } from './planCheck.ts'
import type { Document } from './readDocument.ts'
import { useInputs } from './useInputs.ts'
import { WhatIsNeeded } from './WhatIsNeeded.tsx'

/** @param foot - shown below, of the model root in question */
export function Checker({ foot }: { foot?: (root: Hex | undefined) => ReactNode }) {
  const config = useKnownNetwork()
  const { inputs, offer, noteHash, clear } = useInputs()
  const { state, start, reset } = useCheck(noteHash)
  const { document } = inputs
  const plan = planCheck(inputs)
  const run = () => {
    if (plan.job) start({ job: plan.job, config, weights: inputs.weights })
  }
  const another = () => {
    reset()
    clear()
  }
  const result = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: what came out is brought into sight; how far it is meanwhile is not
  useEffect(() => {
    result.current?.scrollIntoView({ block: 'nearest' })
  }, [state.step])
  const about = document && aboutOf(document)
  return (
    <div className="grid gap-12">
      <div className="grid gap-6">
        <DocumentDrop inputs={inputs} onOffer={offer} onAnother={another} />
        {document && <DocumentCard document={document} config={config} />}
        {document && state.step === 'idle' && (
          <div className="grid justify-items-start gap-3">
            <WhatIsNeeded inputs={inputs} plan={plan} hasNetwork={config !== undefined} />
            <button type="button" className="button button-lift" disabled={!plan.job} onClick={run}>
              {document.kind === 'verdict' ? 'Judge it again' : plan.isSignatureOnly ? 'Check it' : 'Execute it again'}
            </button>
          </div>
        )}
        <div ref={result} className="scroll-my-24 empty:hidden">
          {state.step === 'running' && <Running progress={state.progress} onStop={reset} />}
          {state.step === 'failed' && (
            <ErrorNotice title="The check could not be done" error={state.error} onRetry={run} />
          )}
          {state.step === 'finished' && about && (
            <div className="grid max-w-[44rem] gap-3">
              <FinishedCheck finished={state.finished} about={about} weights={inputs.weights} onAgain={run} />
              {document?.kind === 'answer' && (
                <OpenDispute bundle={document.bundle} finished={state.finished} weights={inputs.weights} />
              )}
            </div>
          )}
        </div>
      </div>
      <KeptModels changes={state.step} />
      {foot?.(rootOf(inputs.document))}
    </div>
  )
}

function aboutOf(document: Document): CheckedDocument {
  if (document.kind === 'answer') return document.bundle.receipt
  const { provider, chainId } = document.verdict.receipt
  return { provider, chainId, verdict: document.json }
}

function rootOf(document: ReturnType<typeof useInputs>['inputs']['document']) {
  return document?.kind === 'verdict' ? document.verdict.receipt.modelRoot : document?.bundle.receipt.modelRoot
}
