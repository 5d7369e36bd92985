/** Starts the worker of a check from the console's own files. */
export function startWorker(): Worker {
  return new Worker(new URL('./checkWorker.ts', import.meta.url), { type: 'module', name: 'check' })
}
