/**
 * The whole outside world as one value. Nothing outside `env/node`, `env/browser` and `env/sim` touches the clock,
 * randomness, sockets, files, workers or the console; so any service runs unchanged in the simulator.
 */
export type Env = {
  clock: Clock
  random: Random
  network: Network
  disk: Disk
  tasks: Tasks
  log: Log
  metrics: Metrics
}

export type Clock = {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number
  /** Milliseconds from an arbitrary origin; never goes back. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with `AbortedError` as soon as `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export type Random = {
  /** `count` uniformly random bytes; cryptographically strong in `env/node`. */
  bytes(count: number): Uint8Array
}

// ---- network: HTTP requests and WebSockets; the simulator carries the same messages over virtual links ----

/** Header names are lower case. */
export type HttpHeaders = { readonly [name: string]: string }

export type HttpRequest = {
  method: string
  /** Path without the query, percent-encoding kept, e.g. `/file/0xab…`. */
  path: string
  query: URLSearchParams
  headers: HttpHeaders
  remoteAddress: string
  /** The body as it arrives; each piece is its receiver's own. Not reading it exerts back-pressure on the sender. */
  body: AsyncIterable<Uint8Array>
  /** Aborts when the client goes away. */
  signal: AbortSignal
}

export type HttpResponse = {
  status: number
  headers?: HttpHeaders
  /** A generator is pulled only as fast as the client reads; its `return()` runs when the client goes away. */
  body?: string | Uint8Array | AsyncIterable<Uint8Array | string>
}

export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>

/** One WebSocket, either end. Messages are text. */
export type Socket = {
  /** Returns false, and closes the socket, when more than `bufferedBytesMax` wait to be sent. */
  send(text: string): boolean
  messages: AsyncIterable<string>
  close(): void
  remoteAddress: string
}

export type ServeOptions = {
  /** 0 asks for any free port. */
  port: number
  /** Defaults to 127.0.0.1. */
  host?: string
  handler: HttpHandler
  /**
   * Has the port be shared with other processes of this user, for the moment in which one takes over from another: `own`
   * still throws `PortInUseError` if anybody listens there, `join` does not. Not every system can (Linux does).
   */
  sharePort?: 'own' | 'join'
  /** Called for each WebSocket upgrade on the same port; absent means upgrades are refused. */
  onSocket?: (socket: Socket) => void
  /** Bodies above it end with 413, WebSocket messages above it close the socket; 64 MiB by default. */
  bodyBytesMax?: number
  /** Connections above it are refused; 4,096 by default. */
  connectionsMax?: number
  /** Bodies that arrive at once; further connections wait without being read. By default bounded by `connectionsMax` alone. */
  receivingMax?: number
  /** A client that takes none of a waiting answer for so long is cut off; 60 s by default. */
  stallMsMax?: number
  /** Bytes that may wait to be sent on one WebSocket before it is closed; 16 MiB by default. */
  bufferedBytesMax?: number
  /** Host names answered for, beside loopback names and the bound address; others get 403 (DNS rebinding). */
  allowedHosts?: readonly string[]
  /** Browser origins answered, beside loopback ones; `*` allows any. Others get 403. */
  allowedOrigins?: readonly string[] | '*'
}

export type Server = {
  port: number
  url: string
  /** Whether another process may join the port. */
  isShared: boolean
  /** Takes no more connections; those that stand go on. Resolves when nobody can come in any more. */
  unlisten(): Promise<void>
  close(): Promise<void>
}

export type FetchOptions = {
  method?: string
  headers?: HttpHeaders
  /** Parts are sent one after another, without being laid together first. */
  body?: string | Uint8Array | readonly Uint8Array[]
  signal?: AbortSignal
  /** Longest silence: until the answer begins, and then between two pieces of it; 120 s by default. */
  timeoutMs?: number
  /** Until a new connection stands, where that should take less than `timeoutMs`. */
  connectMs?: number
}

/** The body must be read to its end or left by `break`, else its connection stays taken. `bytesMax` is 256 MiB by default. */
export type FetchResponse = {
  status: number
  headers: HttpHeaders
  /** Each piece is its receiver's own, as a request's. */
  body: AsyncIterable<Uint8Array>
  /** Whether all of the request has left: an answer may come before. From then on nobody looks at the bytes of its body. */
  isSent(): boolean
  bytes(bytesMax?: number): Promise<Uint8Array>
  text(bytesMax?: number): Promise<string>
  json(bytesMax?: number): Promise<unknown>
}

export type Network = {
  /** Throws `PortInUseError` if the port is taken. */
  serve(options: ServeOptions): Promise<Server>
  /** Throws `NetworkError` for anything but an answer. */
  fetch(url: string, options?: FetchOptions): Promise<FetchResponse>
  connect(url: string, signal?: AbortSignal): Promise<Socket>
}

// ---- disk: paths are relative to the disk's root and use `/`; a folder comes into being with its first file ----

export type File = {
  /** Reads up to `length` bytes at `offset`; shorter only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** The same, blocking; for reads in the middle of execution (trie nodes). */
  readSync(offset: number, length: number): Uint8Array
  /** Writes all of `bytes`, parts one behind another without being laid together first; not durable before `sync`. */
  write(offset: number, bytes: Uint8Array | readonly Uint8Array[]): Promise<void>
  writeSync(offset: number, bytes: Uint8Array): void
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

export type OpenMode = 'read' | 'write' | 'create'

export type Disk = {
  /** 'read' and 'write' need the file to exist (`FileMissingError`); 'create' makes it if absent, never truncates. */
  open(path: string, mode: OpenMode): Promise<File>
  /** Names in a folder, sorted; empty when it does not exist. */
  list(folder: string): Promise<string[]>
  exists(path: string): Promise<boolean>
  /** Removes a file or a whole folder; nothing happens if absent. */
  remove(path: string): Promise<void>
  /** Atomically replaces `target`; durable after `syncFolder`. */
  rename(source: string, target: string): Promise<void>
  syncFolder(folder: string): Promise<void>
  /** Free bytes of the volume. */
  freeBytes(): Promise<number>
  /** A disk rooted in a folder of this one. */
  folder(path: string): Disk
}

// ---- tasks: work off the event loop ----

export type Tasks = {
  /**
   * Runs the default export of a module in a worker (in line in the simulator): `(input) => output | Promise<output>`.
   * Input and output are structured-cloned; the buffers in `transfer` are moved. A module may export
   * `transferOf(output): ArrayBuffer[]` to have buffers of its output moved too.
   */
  run<Output>(module: URL, input: unknown, transfer?: readonly ArrayBuffer[]): Promise<Output>
  /**
   * Starts a worker of its own that keeps state (a loaded model) and streams both ways until `close`: the module's
   * default export is called once as `(port: TaskPort, input) => Promise<void>`. In line where there are no workers.
   * Loading faults and crashes of the worker are thrown by `messages`.
   */
  open(module: URL, input: unknown, transfer?: readonly ArrayBuffer[]): TaskPort
  workersMax: number
  close(): Promise<void>
}

/** One end of a two-way stream of structured-cloned messages; `messages` may be iterated once. */
export type TaskPort = {
  send(message: unknown, transfer?: readonly ArrayBuffer[]): void
  messages: AsyncIterable<unknown>
  /** Ends both sides' `messages`; on the opening side also ends the worker, whatever it does. */
  close(): Promise<void>
}

// ---- log and metrics ----

export type Facts = { readonly [name: string]: string | number | bigint | boolean | null | undefined }

export type Log = {
  /** `event` is past tense without interpolation: `log.info('segment stored', { root, segmentIndex })`. */
  debug(event: string, facts?: Facts): void
  info(event: string, facts?: Facts): void
  warn(event: string, facts?: Facts): void
  error(event: string, facts?: Facts): void
  child(scope: string): Log
}

export type Metrics = {
  /** Names end in the unit: `weightless_storage_segments_stored_total`. Asking twice gives the same metric. */
  counter(name: string, help: string): { add(amount?: number): void }
  gauge(name: string, help: string): { set(value: number): void }
  histogram(name: string, help: string, buckets: readonly number[]): { observe(value: number): void }
  /** Prometheus text format. */
  render(): Promise<string>
}
