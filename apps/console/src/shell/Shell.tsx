/** The frame of every page: skip link, wordmark, places, the live horizon under the header, the command palette. */
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { Suspense, useEffect, useRef } from 'react'
import { useBlockFeed } from '../network/blockFeed.ts'
import { useKnownNetwork } from '../network/NetworkProvider.tsx'
import { PageLoading } from '../parts/PageLoading.tsx'
import { Wordmark } from '../parts/Wordmark.tsx'
import { CommandPalette, openCommandPalette } from './CommandPalette.tsx'
import { NoNetwork } from './NoNetwork.tsx'
import { digitOf, places } from './places.ts'
import { ThemeButton } from './ThemeButton.tsx'

/** Pages that have something to show while no network answers. */
const withoutNetwork: ReadonlySet<string> = new Set(['/verify'])

export function Shell() {
  usePlaceKeys()
  const main = useRef<HTMLElement>(null)
  const { pathname } = useLocation()
  useAnnouncedPage(pathname, main)
  const network = useKnownNetwork()
  if (!network && !withoutNetwork.has(pathname)) return <NoNetwork />
  return (
    <>
      {/* A link, as screen readers list it; the router would take its hash for a place. */}
      {/* biome-ignore lint/a11y/useValidAnchor: see above */}
      <a
        href="#main"
        onClick={(event) => {
          event.preventDefault()
          main.current?.focus()
        }}
        className="button button-solid fixed top-3 left-3 z-50 -translate-y-20 focus-visible:translate-y-0"
      >
        Skip to content
      </a>
      <Header />
      <main
        ref={main}
        id="main"
        tabIndex={-1}
        className="mx-auto w-full max-w-[70rem] px-5 pt-10 pb-36 outline-none sm:px-8 sm:pt-14 sm:pb-24"
      >
        <Suspense fallback={<PageLoading />}>
          <Outlet />
        </Suspense>
      </main>
      <PhoneTabs />
      <CommandPalette />
    </>
  )
}

function Header() {
  return (
    <header className="sticky top-0 z-30 border-line border-b bg-paper">
      <div className="mx-auto flex h-15 max-w-[70rem] items-center gap-6 px-5 sm:px-8">
        <Link to="/" className="rounded py-2" aria-label="Weightless, overview">
          <Wordmark />
        </Link>
        <nav aria-label="Main" className="hidden gap-0.5 md:flex">
          {places.map((place) => (
            <Link
              key={place.to}
              to={place.to}
              className="rounded-full px-2.5 py-1.5 text-[0.9375rem] text-mute transition-colors hover:text-ink aria-[current=page]:bg-well aria-[current=page]:font-[560] aria-[current=page]:text-ink"
            >
              {place.name}
            </Link>
          ))}
        </nav>
        <div className="ml-auto flex items-center gap-1">
          <FeedBadge />
          <button
            type="button"
            onClick={openCommandPalette}
            aria-keyshortcuts="Control+K Meta+K"
            className="hidden rounded-full px-3 py-1.5 text-mute text-sm transition-colors hover:text-ink sm:block"
          >
            <span className="sr-only">Search and commands </span>
            <kbd className="font-mono text-[0.8125rem]">{modifierKey} K</kbd>
          </button>
          <ThemeButton />
        </div>
      </div>
    </header>
  )
}

const modifierKey = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl'

function FeedBadge() {
  const { state, blocks } = useBlockFeed()
  const newest = blocks[0]
  const says = state === 'live' ? 'Live' : state === 'offline' ? 'Offline' : 'Connecting'
  return (
    <Link
      to="/blocks"
      className="flex items-center gap-2 rounded-full px-2 py-1.5 text-mute text-sm hover:text-ink"
      title={`Chain: ${says}`}
    >
      <span
        className={`size-2 rounded-full ${state === 'live' ? 'bg-lift' : state === 'offline' ? 'bg-bad' : 'bg-edge'}`}
      />
      <span className="sr-only">Chain {says}, block</span>
      <span className="font-mono text-[0.8125rem] tabular-nums">
        {state === 'offline' ? 'offline' : newest ? newest.number.toString() : '…'}
      </span>
    </Link>
  )
}

function PhoneTabs() {
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 flex overflow-x-auto border-line border-t bg-paper pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {places.map((place) => (
        <Link
          key={place.to}
          to={place.to}
          className="relative grid min-h-14 min-w-[2.625rem] flex-auto place-content-center whitespace-nowrap text-center text-[0.6875rem] text-mute tracking-[-0.025em] before:absolute before:inset-x-3 before:-top-px before:h-0.5 aria-[current=page]:font-[620] aria-[current=page]:text-ink aria-[current=page]:before:bg-lift"
        >
          {place.name}
        </Link>
      ))}
    </nav>
  )
}

function usePlaceKeys() {
  const navigate = useNavigate()
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey) return
      const place = places.find((_, i) => event.code === `Digit${digitOf(i)}`)
      if (!place) return
      event.preventDefault()
      void navigate({ to: place.to })
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [navigate])
}

/** A change of page moves the focus to its start, so that a screen reader and the Tab key go on from there. */
function useAnnouncedPage(pathname: string, main: React.RefObject<HTMLElement | null>) {
  const shown = useRef(pathname)
  useEffect(() => {
    const place = places.find(({ to }) => to === pathname)
    document.title = `${place?.name ?? 'Chain'} · Weightless`
    if (shown.current !== pathname) main.current?.focus({ preventScroll: true })
    shown.current = pathname
  }, [pathname, main])
}
