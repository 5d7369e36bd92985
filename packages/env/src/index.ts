export { callLater } from './callLater.ts'
export type * from './env.ts'
export {
  AbortedError,
  BodyTooLargeError,
  DiskError,
  DiskFullError,
  FileMissingError,
  NetworkError,
  PathInvalidError,
  PortInUseError,
  TaskFailedError,
  TasksFullError,
} from './faults.ts'
export { isLoopback } from './isLoopback.ts'
export { pauseBetween } from './pauseBetween.ts'
export { readBody } from './readBody.ts'
export { createTurns, type Turns } from './turns.ts'
