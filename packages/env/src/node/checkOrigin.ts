/** Decides whom a server answers: only requests for its own names (against DNS rebinding) and from known browser origins. */
export type OriginRules = {
  allowedHosts: ReadonlySet<string>
  /** Exact origins; one that ends in `*` stands for all that begin like it, such as `chrome-extension://*`. */
  allowedOrigins: ReadonlySet<string> | '*'
}

/** What is known of who asks. */
export type Asker = {
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined }
  /** Where it came to. */
  socket: { readonly localAddress?: string | undefined }
}

/** Why a request is refused, or undefined. */
export function checkOrigin(request: Asker, rules: OriginRules): string | undefined {
  const host = hostName(request.headers.host ?? '')
  if (!isLoopbackName(host) && !rules.allowedHosts.has(host) && host !== bareAddress(request.socket.localAddress)) {
    return `this server does not answer for the host ${JSON.stringify(host)}`
  }
  const { origin } = request.headers
  if (origin !== undefined && !isAllowedOrigin(origin, rules)) {
    return `this server does not answer pages of ${JSON.stringify(origin)}`
  }
  return undefined
}

function isAllowedOrigin(origin: string, { allowedOrigins }: OriginRules): boolean {
  if (allowedOrigins === '*' || allowedOrigins.has(origin)) return true
  for (const allowed of allowedOrigins) {
    if (allowed.endsWith('*') && origin.startsWith(allowed.slice(0, -1))) return true
  }
  const parts = /^https?:\/\/(.+)$/.exec(origin)
  return parts !== null && isLoopbackName(hostName(parts[1]!))
}

/** The host of `host:port`, brackets of IPv6 kept off, lower case. */
function hostName(authority: string): string {
  const bracketed = /^\[([0-9a-fA-F:.]+)\](:\d+)?$/.exec(authority)
  if (bracketed) return bracketed[1]!.toLowerCase()
  const colon = authority.indexOf(':')
  return (colon < 0 ? authority : authority.slice(0, colon)).toLowerCase()
}

function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.endsWith('.localhost') || /^127(\.\d{1,3}){3}$/.test(host)
}

/** An address literal cannot be rebound, so a server answers for the address it was reached at. */
function bareAddress(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') ? address.slice(7) : address
}
