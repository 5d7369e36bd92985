/** A request that only this provider can read: opened here, its answer sealed to the asker. Spec: COMPUTE §11.6, ENVELOPE. */
import { bytesToText, hexToBytes, textToBytes } from '@weightless/codec'
import {
  createReplySealer,
  createStreamBinder,
  EnvelopeInvalidError,
  type EnvelopeKey,
  envelopeKeyFrom,
  type JsonObject,
  openRequest,
  signedText,
} from '@weightless/envelope'
import type { LocalAccount } from 'viem'
import type { ApiError } from '../../wire/apiError.ts'
import type { ProviderContext } from '../providerContext.ts'

export type SealedExchange = {
  /** The request as its client wrote it, as JSON. */
  bytes: Uint8Array
  /** Seals the whole answer. */
  sealWhole(answer: JsonObject): Promise<Uint8Array>
  /** Seals one event of a stream. */
  sealEvent(data: JsonObject): Promise<Uint8Array>
  /** The event that ends a sealed stream, before `[DONE]`. */
  sealEnd(): Promise<Uint8Array>
  /** What is signed about the exchange as far as it was sealed. */
  text(): string
}

/** Nobody else is ever asked to sign this. */
const secretMessage = 'Weightless envelope key, version 1'

/** From the provider's account, so that it needs no file and outlives its disk. */
export async function deriveEnvelopeKey(account: LocalAccount): Promise<EnvelopeKey> {
  return envelopeKeyFrom(hexToBytes(await account.signMessage({ message: secretMessage })))
}

/** Undefined for requests in the clear. */
export async function openSealed(
  { envelopeKey, address }: Pick<ProviderContext, 'envelopeKey' | 'address'>,
  bytes: Uint8Array,
): Promise<SealedExchange | ApiError | undefined> {
  if (!isSealed(bytes)) return undefined
  const envelope = parseObject(bytesToText(bytes))
  if (!envelope || !Object.hasOwn(envelope, '_e2ee')) return undefined
  try {
    const { request, clientPublicKey, requestHash } = await openRequest(envelope, envelopeKey, address)
    const sealer = await createReplySealer(clientPublicKey)
    const binder = createStreamBinder(requestHash)
    let whole: string | undefined
    const seal = async (data: JsonObject, final: boolean): Promise<Uint8Array> => {
      const sealed = await sealer.seal(data, final)
      binder.add(sealed)
      return textToBytes(`data: ${JSON.stringify(sealed)}\n\n`)
    }
    return {
      bytes: textToBytes(JSON.stringify(request)),
      async sealWhole(answer) {
        const sealed = await sealer.seal(answer, true)
        whole = signedText(requestHash, sealed)
        return textToBytes(JSON.stringify(sealed))
      },
      sealEvent: (data) => seal(data, false),
      sealEnd: () => seal({ object: 'chat.completion.chunk', choices: [] }, true),
      text: () => whole ?? binder.text(),
    }
  } catch (fault) {
    // Hostile or only stale: either way nothing of it was read.
    if (fault instanceof EnvelopeInvalidError) return { code: 'invalid_request', message: fault.shortMessage }
    throw fault
  }
}

/** Whether it is worth a closer look. */
export function isSealed(bytes: Uint8Array): boolean {
  return bytesToText(bytes).includes('"_e2ee"')
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    // The caller's schema says it better.
    return undefined
  }
}
