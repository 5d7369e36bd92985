/**
 * Bytes on their way live outside JavaScript's heap. By default every 32 MiB of them cost a full collection of that heap,
 * which in a process that moves files was most of its work; counted into the heap's own limit they cost few. Imported for
 * its effect; memory stays bounded by the budgets of bytes in flight.
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--external-memory-accounted-in-global-limit')
// A young generation grows with what survives in it, to 128 MiB, and holds on to the buffers that its garbage names until it is
// full. It stays as large as loading the program made it.
setFlagsFromString('--semi-space-growth-factor=1')
