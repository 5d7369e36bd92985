/** Seals a chat to a provider whose key is taken from the chain, so that no gateway can put its own in between. Spec: ENVELOPE. */
import { type Hex, hexToBytes, isHexOf, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type JsonObject, type SealedRequest, sealRequest } from '@weightless/envelope'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'

/** What bounds the price of a sealed chat that names no limit: nobody else can add one. */
const maxTokensDefault = 1_024
const servicesMax = 50n

/** @throws {NobodyTakesSealedError} */
export async function sealChat(
  context: ClientContext,
  body: JsonObject,
  { model, provider }: { model: string; provider?: Hex },
): Promise<SealedRequest> {
  const found = (await readRecipients(context)).find(
    (each) => each.model === model && (provider === undefined || each.provider === provider.toLowerCase()),
  )
  if (!found) throw new NobodyTakesSealedError({ model, provider })
  return sealRequest(
    { max_tokens: maxTokensDefault, ...body },
    {
      recipient: hexToBytes(found.key),
      signer: found.provider,
      drawBytes: (length) => context.env.random.bytes(length),
    },
  )
}

async function readRecipients({ ledger, config }: ClientContext) {
  const [services] = await ledger.read({
    address: contractAddress(config, 'inferenceServing'),
    abi: abis.inferenceServing,
    functionName: 'getAllServices',
    args: [0n, servicesMax],
  })
  return services.flatMap(({ provider, model, additionalInfo }) => {
    const key = keyIn(additionalInfo)
    return key ? [{ provider: provider.toLowerCase() as Hex, model, key }] : []
  })
}

function keyIn(additionalInfo: string): Hex | undefined {
  try {
    const { weightless } = JSON.parse(additionalInfo) as { weightless?: { encryptionKey?: unknown } }
    return isHexOf(weightless?.encryptionKey, 32) ? weightless.encryptionKey : undefined
  } catch {
    // Another kind of service.
    return undefined
  }
}

export class NobodyTakesSealedError extends WeightlessError {
  constructor(facts: { model: string; provider: Hex | undefined }) {
    super('sdk/nobody-takes-sealed', 'No such provider of this model takes sealed requests.', facts, {
      hint: 'Choose another model, or ask in the clear.',
    })
  }
}
