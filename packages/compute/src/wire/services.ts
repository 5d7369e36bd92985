/** The services of COMPUTE §2, and the canonical path of each request: what a receipt about bytes names. RECEIPT §4.8 */

export const serviceNames = ['chat', 'completions', 'embeddings', 'images', 'audio', 'responses'] as const
export type ServiceName = (typeof serviceNames)[number]

const servicePaths = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'completions',
  '/v1/embeddings': 'embeddings',
  '/v1/responses': 'responses',
  '/v1/images/generations': 'images',
  '/v1/images/edits': 'images',
  '/v1/audio/transcriptions': 'audio',
  '/v1/audio/speech': 'audio',
} as const satisfies Record<string, ServiceName>

export type ServicePath = keyof typeof servicePaths

export function isServicePath(path: string): path is ServicePath {
  return Object.hasOwn(servicePaths, path)
}

export function serviceOf(path: ServicePath): ServiceName {
  return servicePaths[path]
}
