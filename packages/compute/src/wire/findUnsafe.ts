/**
 * What a request must not make somebody else's server do: fetch addresses of the provider's own network, read what another
 * user stored there, or compute more than is paid for. Spec: COMPUTE §11.1
 */
import type { ApiErrorCode } from './apiError.ts'

export type Unsafe = { code: ApiErrorCode; message: string; param: string }

const depthMax = 64
/** A provider is one customer at its upstream: what is stored there under an id is everybody's. */
const storedElsewhere = new Set(['previous_response_id', 'file_id', 'container_id', 'vector_store_id'])
const mediaFields = new Set(['image_url', 'video_url', 'audio_url', 'file_url', 'input_audio', 'url'])

export function findUnsafe(json: Readonly<Record<string, unknown>>): Unsafe | undefined {
  for (const name of ['previous_response_id', 'conversation', 'background']) {
    const value = json[name]
    if (value !== undefined && value !== null && value !== false) return unsupported(name)
  }
  // Another name for the limit of tokens, which some servers know; it would go round the one that is paid for.
  for (const name of ['n_predict', 'num_predict', 'max_new_tokens', 'min_tokens', 'options']) {
    if (json[name] !== undefined && json[name] !== null) return unsupported(name)
  }
  const best = json.best_of
  if (best !== undefined && best !== null && best !== 1 && best !== json.n) return unsupported('best_of')
  const tier = json.service_tier
  if (tier !== undefined && tier !== null && tier !== 'auto' && tier !== 'default') return unsupported('service_tier')
  return findInside(json, 0, '')
}

function findInside(value: unknown, depth: number, name: string): Unsafe | undefined {
  if (typeof value === 'string') {
    return mediaFields.has(name) && /^\s*[a-z][a-z0-9+.-]*:/i.test(value) && !/^data:/i.test(value)
      ? { code: 'unsupported_content', message: `'${name}' must hold the data itself (data:…).`, param: name }
      : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth >= depthMax) return { code: 'invalid_request', message: 'The body is nested too deeply.', param: name }
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = findInside(item, depth + 1, name)
      if (found) return found
    }
    return undefined
  }
  for (const [key, item] of Object.entries(value)) {
    if (depth > 0 && storedElsewhere.has(key) && typeof item === 'string') return unsupported(key)
    // `image_url: { url }`, but a tool's parameter may be called `url`: its schema holds no address as text.
    const found = findInside(item, depth + 1, key === 'url' && !mediaFields.has(name) ? '' : key)
    if (found) return found
  }
  return undefined
}

function unsupported(param: string): Unsafe {
  return { code: 'unsupported_parameter', message: `'${param}' is not supported by this provider.`, param }
}
