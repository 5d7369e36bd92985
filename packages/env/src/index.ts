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
export { readBody } from './readBody.ts'
