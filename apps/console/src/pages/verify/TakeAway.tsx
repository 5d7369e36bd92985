/** The same page as one file for another machine, and the model to take along. */
import type { Hex } from '@weightless/codec'
import { useKnownNetwork } from '../../network/NetworkProvider.tsx'
import { useOffline } from '../../offline/useOffline.ts'

export function TakeAway({ root }: { root: Hex | undefined }) {
  const config = useKnownNetwork()
  const opensOffline = useOffline()
  return (
    <section aria-labelledby="take-away" className="grid max-w-[44rem] gap-3">
      <h2 id="take-away" className="heading">
        Without a network
      </h2>
      <p className="text-soft">
        {opensOffline
          ? 'This page and the models that it fetched stay in this browser: both work with the network cut.'
          : 'Models that were fetched once stay in this browser.'}
      </p>
      <p className="text-soft">
        This page is also one file. Take it along with the bundle and the model’s GGUF, open it from disk and drop both
        on it. It can reach no network: its own policy forbids it.
      </p>
      <div className="flex flex-wrap gap-2.5">
        <a className="button" href="/weightless-verify.html" download="weightless-verify.html">
          Save weightless-verify.html
        </a>
        {config && root && (
          <a className="button" href={`${config.storage.indexerUrl}/file/${root}`} download={`${root}.gguf`}>
            Save the model’s file
          </a>
        )}
      </div>
    </section>
  )
}
