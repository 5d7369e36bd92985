/** No page has this address. */
import { Link } from '@tanstack/react-router'

export function NotFound() {
  return (
    <div className="grid gap-5">
      <h1 className="title">Nothing is here</h1>
      <p className="text-soft">No page of the console has this address.</p>
      <Link to="/" className="button w-fit">
        Go to the overview
      </Link>
    </div>
  )
}
