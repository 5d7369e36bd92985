/**
 * Bytes on their way live outside JavaScript's heap. By default every 32 MiB of them cost a full collection of that heap,
 * which in a process that moves files was most of its work; counted into the heap's own limit they cost few. Imported for
 * its effect; memory stays bounded by the budgets of bytes in flight.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { isMainThread } from 'node:worker_threads'

setFlagsFromString('--external-memory-accounted-in-global-limit')
// A young generation grows with what survives in it, to 128 MiB, and holds on to the buffers that its garbage names until it is
// full. It stays as large as loading the program made it, mostly 64 MiB.
setFlagsFromString('--semi-space-growth-factor=1')

/** A process that allocates slowly is given a young generation of 1 MiB, which then costs it a collection every few requests. */
const youngBytesMin = 64 * 1024 * 1024
const lookMs = 2_000

function letYoungGrow(): void {
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  const isSmall = young !== undefined && young.space_size < youngBytesMin
  setFlagsFromString(`--semi-space-growth-factor=${isSmall ? 2 : 1}`)
}

if (isMainThread) setInterval(letYoungGrow, lookMs).unref()
