/**
 * Bytes on their way live outside JavaScript's heap. By default every 32 MiB of them cost a full collection of that heap,
 * which in a process that moves files was most of its work; counted into the heap's own limit they cost few. Imported for
 * its effect; memory stays bounded by the budgets of bytes in flight.
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--external-memory-accounted-in-global-limit')
