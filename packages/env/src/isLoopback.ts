/** Whether an address to bind to is reached from this machine alone; what is public knowledge may be used only there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
