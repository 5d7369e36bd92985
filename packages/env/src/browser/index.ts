export { type BrowserEnv, createBrowserEnv } from './createBrowserEnv.ts'
export { verifyNatively } from './verifyNatively.ts'
