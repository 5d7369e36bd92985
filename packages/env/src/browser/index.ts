export { type BrowserEnv, createBrowserEnv } from './createBrowserEnv.ts'
