export { createNodeEnv, type NodeEnv, type NodeEnvOptions } from './createNodeEnv.ts'
