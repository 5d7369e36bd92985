/** Seals a chat to a provider whose key is taken from the chain, so that no gateway can put its own in between. Spec: ENVELOPE. */
import type { TcbStatus } from '@weightless/attest'
import { type Hex, hexToBytes, isHexOf, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type JsonObject, type SealedRequest, sealRequest } from '@weightless/envelope'
import { readTeeKey, teeKeyOfSealing } from '../attestation/openAttestation.ts'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'

/** What bounds the price of a sealed chat that names no limit: nobody else can add one. */
const maxTokensDefault = 1_024
const servicesMax = 50n

/** What a key in trusted hardware has to be, beyond being attested and fresh. */
export type AttestedDemand = {
  /** States of the platform that are good enough; `UpToDate` alone unless told. */
  allowStatuses?: readonly TcbStatus[]
  /** What may run, as `TeeKeyRecord.measurement` says it; anything, where none is named. */
  measurements?: readonly Hex[]
}

type Wanted = { model: string; provider?: Hex; attested?: AttestedDemand }

/** @throws {NobodyTakesSealedError} {NobodyAttestedError} {ContractUnknownError} where keys are to be attested on a network without `teeKeys` */
export async function sealChat(
  context: ClientContext,
  body: JsonObject,
  { model, provider, attested }: Wanted,
): Promise<SealedRequest> {
  const recipients = (await readRecipients(context)).filter(
    (each) => each.model === model && (provider === undefined || each.provider === provider.toLowerCase()),
  )
  if (recipients.length === 0) throw new NobodyTakesSealedError({ model, provider })
  const found = attested ? await firstAttested(context, recipients, attested) : recipients[0]
  if (!found) throw new NobodyAttestedError({ model, provider })
  return sealRequest(
    { max_tokens: maxTokensDefault, ...body },
    {
      recipient: hexToBytes(found.key),
      signer: found.provider,
      drawBytes: (length) => context.env.random.bytes(length),
    },
  )
}

type Recipient = { provider: Hex; model: string; key: Hex }

async function firstAttested(
  context: ClientContext,
  recipients: readonly Recipient[],
  { allowStatuses = ['UpToDate'], measurements }: AttestedDemand,
): Promise<Recipient | undefined> {
  for (const recipient of recipients) {
    const record = await readTeeKey(context, recipient.provider, teeKeyOfSealing(recipient.key))
    const runs = record?.measurement
    const isWanted = measurements === undefined || measurements.some((one) => one.toLowerCase() === runs)
    if (record?.isFresh && allowStatuses.includes(record.status) && isWanted) return recipient
  }
  return undefined
}

async function readRecipients({ ledger, config }: ClientContext): Promise<Recipient[]> {
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

export class NobodyAttestedError extends WeightlessError {
  constructor(facts: { model: string; provider: Hex | undefined }) {
    super('sdk/nobody-attested', 'No such provider has a key in trusted hardware that is attested now.', facts, {
      hint: 'Choose another provider, or allow other states of the platform; weightless attest show says what the chain knows.',
    })
  }
}

export class NobodyTakesSealedError extends WeightlessError {
  constructor(facts: { model: string; provider: Hex | undefined }) {
    super('sdk/nobody-takes-sealed', 'No such provider of this model takes sealed requests.', facts, {
      hint: 'Choose another model, or ask in the clear.',
    })
  }
}
