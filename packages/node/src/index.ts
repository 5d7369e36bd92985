export { type DevnetFile, devnetFilePath, readDevnetFile } from './devnetFile.ts'
export type { DevnetEvent, DevnetOptions, FirstLightEvent, ServiceName } from './devnetOptions.ts'
export { type Devnet, startDevnet, WellKnownKeysError } from './startDevnet.ts'
export { startTestDevnet } from './startTestDevnet.ts'
