/** A page that broke: what happened, and a way on. */
import { Link } from '@tanstack/react-router'

export function PageError({ error, reset }: { error: unknown; reset?: (() => void) | undefined }) {
  return (
    <div className="grid gap-5" role="alert">
      <h1 className="title">This page broke</h1>
      <p className="text-soft">{error instanceof Error ? error.message : String(error)}</p>
      <div className="flex gap-3">
        <button type="button" className="button button-solid" onClick={() => (reset ? reset() : location.reload())}>
          Try again
        </button>
        <Link to="/" className="button">
          Overview
        </Link>
      </div>
    </div>
  )
}
