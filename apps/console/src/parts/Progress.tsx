/** How far something is, for eyes and screen readers. */
export function Progress({ share, label, live = true }: { share: number; label: string; live?: boolean }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100)
  return (
    <div
      className="progress"
      data-live={live}
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <i style={{ transform: `scaleX(${percent / 100})` }} />
    </div>
  )
}
