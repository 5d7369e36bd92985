/** Steps through system, light and dark. */
import { cycleTheme, useTheme } from './theme.ts'

export function ThemeButton() {
  const theme = useTheme()
  return (
    <button
      type="button"
      onClick={cycleTheme}
      aria-label={`Theme: ${theme}. Change it.`}
      title={`Theme: ${theme}`}
      className="grid size-9 place-content-center rounded-full text-mute transition-colors hover:text-ink"
    >
      <svg viewBox="0 0 20 20" className="size-[1.125rem]" aria-hidden="true">
        <circle cx="10" cy="10" r="7.25" fill="none" stroke="currentColor" strokeWidth="1.5" />
        {theme === 'system' && <path d="M10 2.75a7.25 7.25 0 0 1 0 14.5z" fill="currentColor" />}
        {theme === 'dark' && <circle cx="10" cy="10" r="7.25" fill="currentColor" />}
      </svg>
    </button>
  )
}
