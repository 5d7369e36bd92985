/** The faults that every world (real, browser, simulated) throws alike, so that services react to them without knowing which. */
import { WeightlessError } from '@weightless/codec'

/** A wait was called off by its signal. */
export class AbortedError extends WeightlessError {
  constructor(options: { cause?: unknown } = {}) {
    super('env/aborted', 'The operation was aborted.', {}, options)
  }
}

export class FileMissingError extends WeightlessError {
  constructor(facts: { path: string }, options: { cause?: unknown } = {}) {
    super('env/file-missing', 'The file does not exist.', facts, options)
  }
}

export class DiskFullError extends WeightlessError {
  constructor(facts: { path: string }, options: { cause?: unknown } = {}) {
    super('env/disk-full', 'The disk is full.', facts, { ...options, hint: 'Free some space, then start again.' })
  }
}

/** The disk refused an operation for any other reason; `reason` is the system's code, e.g. `EIO`. */
export class DiskError extends WeightlessError {
  constructor(facts: { path: string; operation: string; reason: string }, options: { cause?: unknown } = {}) {
    super('env/disk', 'The disk refused an operation.', facts, options)
  }
}

/** A path that leaves the disk's root or is no path at all. */
export class PathInvalidError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('env/path-invalid', 'The path is not inside the data folder.', facts)
  }
}

export class PortInUseError extends WeightlessError {
  constructor(facts: { port: number; host: string }, options: { cause?: unknown } = {}) {
    super('env/port-in-use', 'The port is taken by another program.', facts, {
      ...options,
      hint: 'Stop that program or choose another port.',
    })
  }
}

/** No answer came: `reason` is the system's code (`ECONNREFUSED`), `timeout`, or what was wrong. */
export class NetworkError extends WeightlessError {
  /** No connection ever stood, so that the other end cannot have seen any of the request. False where that is not certain. */
  readonly isUnsent: boolean

  constructor(facts: { url: string; reason: string }, options: { cause?: unknown; isUnsent?: boolean } = {}) {
    super('env/network', 'The network gave no answer.', facts, options)
    this.isUnsent = options.isUnsent === true
  }
}

/** A request or an answer is longer than its reader allows. */
export class BodyTooLargeError extends WeightlessError {
  constructor(facts: { bytesMax: number }) {
    super('env/body-too-large', 'The body is longer than allowed.', facts)
  }
}

/** The work inside `tasks.run` failed; `code` names the error's own code where it had one. */
export class TaskFailedError extends WeightlessError {
  constructor(facts: { module: string; reason: string; taskCode?: string }, options: { cause?: unknown } = {}) {
    super('env/task-failed', 'A task failed.', facts, options)
  }
}

export class TasksFullError extends WeightlessError {
  constructor(facts: { waitingMax: number }) {
    super('env/tasks-full', 'Too many tasks are waiting.', facts, { hint: 'Try again later.' })
  }
}
