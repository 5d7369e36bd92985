/** Stands in for every page that needs a network while none answers, and leads to the one that does not. */
import { Link } from '@tanstack/react-router'
import { useNetworkSearch } from '../network/NetworkProvider.tsx'
import { Wordmark } from '../parts/Wordmark.tsx'

export function NoNetwork() {
  const { error, isPending, isFetching, refetch } = useNetworkSearch()
  return (
    <main className="mx-auto grid min-h-dvh max-w-xl place-content-center gap-6 px-6">
      <Wordmark />
      <div aria-live="polite" className="grid gap-4">
        <h1 className="title">{isPending ? 'Looking for your network' : 'No network answers here'}</h1>
        {error && (
          <>
            <p className="text-soft">
              The console found no configuration beside it ({error.message}). Start a network with{' '}
              <code className="font-mono text-[0.9em]">npm start</code>; this page goes on by itself.
            </p>
            <div className="flex flex-wrap gap-3">
              <button type="button" className="button w-fit" disabled={isFetching} onClick={() => refetch()}>
                Look again
              </button>
              <Link to="/verify" className="button">
                Verify without a network
              </Link>
            </div>
          </>
        )}
      </div>
    </main>
  )
}
