/** Starts the worker of a check from its own text: beside a page on disk there is no other file, and Chromium lets no module worker begin there. */
import workerText from '#check-worker'

export function startWorker(): Worker {
  const url = URL.createObjectURL(new Blob([workerText], { type: 'text/javascript' }))
  return new Worker(url, { name: 'check' })
}
