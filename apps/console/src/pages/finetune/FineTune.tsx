/** Teach a model with a file of your own: choose who trains it, see the price, watch it learn, take the result. */
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useSigner } from '../../network/signer.ts'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'
import { PageHead } from '../../parts/PageHead.tsx'
import { NewTraining } from './NewTraining.tsx'
import { Tasks } from './Tasks.tsx'
import { useTrainers } from './useTrainers.ts'

export function FineTune() {
  const { data: trainers, error, isPending, refetch } = useTrainers()
  const signer = useSigner()
  const [chosen, setChosen] = useState<string>()
  const trainer = trainers?.find(({ provider }) => provider === chosen) ?? trainers?.[0]
  return (
    <>
      <PageHead title="Fine-tune">
        Drop a file of examples and teach a model what it cannot know. You pay for the tokens that are trained on, and
        only when you acknowledge the result.
      </PageHead>
      {error && !trainers && (
        <ErrorNotice title="The chain does not say who fine-tunes" error={error} onRetry={refetch} />
      )}
      {isPending && <div className="skeleton h-64" />}
      {trainers?.length === 0 && (
        <Notice title="Nobody fine-tunes on this network yet">
          A fine-tuning provider appears here as soon as it registers on the chain; this page looks again by itself.
        </Notice>
      )}
      {signer.kind === 'none' && (
        <Notice title="Nobody signs yet">
          <Link to="/account" className="link">
            Choose a test key or connect a wallet
          </Link>
          , then come back.
        </Notice>
      )}
      {trainers && trainer && signer.kind !== 'none' && (
        <div className="grid gap-14">
          <NewTraining trainers={trainers} trainer={trainer} onTrainer={setChosen} />
          <Tasks key={`${trainer.provider}${signer.address}`} trainer={trainer} />
        </div>
      )}
    </>
  )
}
