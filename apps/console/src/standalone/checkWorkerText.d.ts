/** The built worker as text, which `buildStandalone.ts` makes. */
declare module '#check-worker' {
  const text: string
  export default text
}
