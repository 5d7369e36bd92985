/** A page that is on its way. */
export function PageLoading() {
  return (
    <div aria-busy="true" className="grid gap-4">
      <span className="sr-only" role="status">
        Loading
      </span>
      <div className="skeleton h-11 w-2/5" />
      <div className="skeleton h-5 w-3/5" />
      <div className="skeleton mt-6 h-48 w-full" />
    </div>
  )
}
