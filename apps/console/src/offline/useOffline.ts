/** Has this browser keep the console's own files; true once the page opens without a network. */
import { useEffect, useState } from 'react'

export function useOffline(): boolean {
  const [ready, setReady] = useState(false)
  useEffect(() => {
    // Absent on plain HTTP beyond this machine; while developing there is no `sw.js`.
    if (!('serviceWorker' in navigator)) return
    let left = false
    navigator.serviceWorker
      .register('/sw.js')
      .then(() => navigator.serviceWorker.ready)
      .then(
        () => !left && setReady(true),
        () => undefined,
      )
    return () => {
      left = true
    }
  }, [])
  return ready
}
