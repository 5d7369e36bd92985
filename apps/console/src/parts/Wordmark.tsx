/** The name, losing its weight letter by letter. */
const weights = [860, 760, 670, 580, 500, 420, 340, 260, 190, 120]

export function Wordmark({ className = '' }: { className?: string }) {
  return (
    <span className={`wordmark ${className}`} role="img" aria-label="Weightless">
      {[...'Weightless'].map((letter, i) => (
        // The letters never change, so their place is their identity.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <span key={i} aria-hidden="true" style={{ fontWeight: weights[i] }}>
          {letter}
        </span>
      ))}
    </span>
  )
}
