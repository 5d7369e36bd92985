export { type KeyValueNode, type KeyValueNodeOptions, startKeyValueNode } from './startKeyValueNode.ts'
