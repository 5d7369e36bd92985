/** Every service with its address and what it answered just now. */
import { useQueries } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useNetwork } from '../../network/NetworkProvider.tsx'
import { Copyable } from '../../parts/Copyable.tsx'
import { checkService, listProbes, type ServiceHealth } from './checkServices.ts'

export function Services() {
  const config = useNetwork()
  const probes = useMemo(() => listProbes(config), [config])
  const checks = useQueries({
    queries: probes.map((probe) => ({
      queryKey: ['service', probe.name, probe.url],
      queryFn: () => checkService(probe),
      refetchInterval: 5_000,
    })),
  })
  return (
    <section aria-labelledby="services">
      <h2 id="services" className="heading mb-3">
        Services
      </h2>
      <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        {probes.map((probe, i) => (
          <ServiceCard
            key={`${probe.name}${probe.url}`}
            name={probe.name}
            job={probe.job}
            url={probe.url}
            health={checks[i]?.data}
          />
        ))}
      </ul>
    </section>
  )
}

function ServiceCard(props: { name: string; job: string; url: string; health: ServiceHealth | undefined }) {
  const { name, job, url, health } = props
  const down = health?.state === 'down'
  return (
    <li className="sheet grid gap-3 px-5 py-4">
      <div className="flex items-baseline justify-between gap-3">
        <h3 className="font-[620]">{name}</h3>
        <span className={`text-sm tabular-nums ${down ? 'font-[560] text-bad' : 'text-mute'}`}>
          {!health ? 'asking' : down ? 'down' : `${Math.max(1, Math.round(health.tookMs))} ms`}
        </span>
      </div>
      <p className="text-soft">
        {job}
        {health && <span className={down ? 'text-bad' : 'text-mute'}> · {health.detail}</span>}
      </p>
      <Copyable text={url} short={url.replace(/^https?:\/\//, '')} what={`address of ${name}`} />
    </li>
  )
}
