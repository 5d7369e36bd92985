/** All offers, cheapest first: model, provider, price, whether answers can be re-executed, services, and measured behaviour. */
import { Link } from '@tanstack/react-router'
import type { OfferedModel } from '@weightless/sdk'
import { useOffers } from '../../network/useOffers.ts'
import { Amount } from '../../parts/Amount.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { formatMs, perMillion } from '../../parts/formatAmount.ts'
import { Item } from '../../parts/Item.tsx'
import { ErrorNotice, Notice } from '../../parts/Notice.tsx'

export function Offers() {
  const { data, error, isPending, refetch } = useOffers()
  return (
    <section aria-labelledby="offers">
      <h2 id="offers" className="heading mb-3">
        Offers
      </h2>
      {error && !data && <ErrorNotice title="The gateway cannot be reached" error={error} onRetry={refetch} />}
      {isPending && <div className="skeleton h-32" />}
      {data?.length === 0 && (
        <Notice title="Nobody offers anything yet">
          Offers appear here as soon as a provider registers and stakes on the chain.
        </Notice>
      )}
      {data && data.length > 0 && (
        <ul className="grid gap-3">
          {data.toSorted(byPrice).map((offer) => (
            <OfferRow key={`${offer.provider}${offer.model}`} offer={offer} />
          ))}
        </ul>
      )}
    </section>
  )
}

/** In the gateway's words a breaker is closed while all is well. */
const stateSays: { readonly [state: string]: string } = {
  closed: 'is asked',
  open: 'failed lately, left out for now',
  'half-open': 'failed lately, being tried again',
  distrusted: 'gave a wrong answer, not asked any more',
}

function byPrice(a: OfferedModel, b: OfferedModel): number {
  const more = a.inputWeiPerToken + a.outputWeiPerToken - b.inputWeiPerToken - b.outputWeiPerToken
  return more < 0n ? -1 : more > 0n ? 1 : a.model.localeCompare(b.model)
}

function OfferRow({ offer }: { offer: OfferedModel }) {
  const { model, provider, exact, services, region, health } = offer
  return (
    <li className="sheet grid gap-4 px-5 py-4">
      <div className="flex flex-wrap items-baseline justify-between gap-x-5 gap-y-1">
        <h3 className="font-[620]">{model}</h3>
        <span className={`text-sm ${health.state === 'closed' ? 'text-good' : 'text-bad'}`}>
          {stateSays[health.state] ?? health.state}
        </span>
      </div>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
        <Item name="Provider">
          <Copyable text={provider} what="provider" />
        </Item>
        <Item name="Read, per million">
          <Amount wei={perMillion(offer.inputWeiPerToken)} />
        </Item>
        <Item name="Written, per million">
          <Amount wei={perMillion(offer.outputWeiPerToken)} />
        </Item>
        <Item name="Answers">{exact ? 'exact: can be re-executed' : 'signed, not re-executable'}</Item>
        <Item name="First token">{measured(health.firstTokenMs, formatMs)}</Item>
        <Item name="Speed">{measured(health.tokensPerSecond, (value) => `${value.toFixed(1)} tokens/s`)}</Item>
        <Item name="Errors">
          {health.requests === 0
            ? 'no request yet'
            : `${(health.errorRate * 100).toFixed(health.errorRate > 0 ? 1 : 0)} %, ${health.failures} of ${health.requests}`}
        </Item>
        <Item name="Services">
          {services.join(', ') || 'none named'}
          {region && ` · ${region}`}
        </Item>
      </dl>
      {services.includes('chat') && (
        <Link to="/chat" className="link w-fit text-sm">
          Ask it in the chat
        </Link>
      )}
    </li>
  )
}

const measured = (value: number | undefined, say: (value: number) => string): string =>
  value === undefined ? 'not measured yet' : say(value)
