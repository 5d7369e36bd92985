/** Puts a provider's service and price into the registry on the chain, once, and again only when something changed. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'
import type { Price } from '@weightless/receipt'
import type { Engine, UpstreamEngine } from '../engine/engine.ts'
import type { ServiceName } from '../wire/services.ts'

export type ServiceOffer = {
  /** Where clients reach it, without a path. */
  url: string
  engine: Engine
  region: string | undefined
  /** X25519, to which requests may be sealed. */
  encryptionKey: Hex
  verifiability: string
  inputWeiPerToken: bigint
  outputWeiPerToken: bigint
  /** It answers wrongly on purpose, for auditors to find: gateways do not send users to it. */
  planted?: boolean
}

/** COMPUTE §2: what a buyer finds in `additionalInfo`. Existing SDKs need it to be JSON. */
export function describeService({ engine, region, encryptionKey, planted }: ServiceOffer): string {
  const { modelRoot, programId, tokenizerRoot, contextLength } = engine.model
  // An upstream's roots are nobody's to know: what is not there cannot be taken for a promise.
  const roots = engine.kind === 'upstream' ? printsOf(engine) : { modelRoot, programId, tokenizerRoot }
  return JSON.stringify({
    ProviderType: 'decentralized',
    TargetSeparated: false,
    weightless: {
      ...roots,
      contextLength,
      services: servicesOf(engine),
      ...(region === undefined ? {} : { region }),
      engine: engine.kind === 'upstream' ? 'upstream' : 'exact',
      encryptionKey,
      ...(planted && { planted }),
    },
  })
}

/** The file of which fingerprints are weighed; no promise that it is what runs. FINGERPRINT §3 */
function printsOf({ fingerprint }: UpstreamEngine) {
  return fingerprint && { modelRoot: fingerprint.modelRoot, logprobs: fingerprint.logprobs }
}

export function servicesOf(engine: Engine): readonly ServiceName[] {
  return engine.kind === 'exact' ? ['chat', 'completions', 'responses'] : engine.services
}

/** What existing SDKs call it. */
function serviceTypeOf(engine: Engine): string {
  const services = servicesOf(engine)
  if (services.every((service) => service === 'images')) return 'text-to-image'
  return services.every((service) => service === 'audio') ? 'speech-to-text' : 'chatbot'
}

/** Returns the price as registered. @throws {ProviderUnderfundedError} the account cannot pay the stake */
export async function registerService(ledger: Ledger, inferenceServing: Hex, offer: ServiceOffer): Promise<Price> {
  const wanted = paramsOf(offer, ledger.address!)
  const present = await readService(ledger, inferenceServing)
  const unchanged = present && Object.entries(wanted).every(([name, value]) => sameField(present[name as 'url'], value))
  if (!unchanged) {
    const stake = present ? 0n : await readStake(ledger, inferenceServing)
    if (stake > 0n) await requireFunds(ledger, stake)
    await ledger.submit({
      address: inferenceServing,
      abi: abis.inferenceServing,
      functionName: 'addOrUpdateService',
      args: [wanted],
      value: stake,
    })
  }
  const { updatedAt, inputPrice, outputPrice } = unchanged ? present : (await readService(ledger, inferenceServing))!
  return { model: wanted.model, inputWeiPerToken: inputPrice, outputWeiPerToken: outputPrice, updatedAt }
}

function paramsOf(offer: ServiceOffer, signer: Hex) {
  return {
    serviceType: serviceTypeOf(offer.engine),
    url: offer.url,
    model: offer.engine.model.name,
    verifiability: offer.verifiability,
    inputPrice: offer.inputWeiPerToken,
    outputPrice: offer.outputWeiPerToken,
    additionalInfo: describeService(offer),
    // The provider itself signs settlements: there is no enclave that could.
    teeSignerAddress: signer,
  }
}

async function readService(ledger: Ledger, inferenceServing: Hex) {
  try {
    const at = { address: inferenceServing, abi: abis.inferenceServing } as const
    return await ledger.read({ ...at, functionName: 'getService', args: [ledger.address!] })
  } catch (fault) {
    if (fault instanceof TransactionRevertedError && fault.reason.errorName === 'ServiceNotExist') return undefined
    throw fault
  }
}

function readStake(ledger: Ledger, inferenceServing: Hex): Promise<bigint> {
  return ledger.read({ address: inferenceServing, abi: abis.inferenceServing, functionName: 'MIN_PROVIDER_STAKE' })
}

function sameField(a: unknown, b: unknown): boolean {
  return String(a).toLowerCase() === String(b).toLowerCase()
}

/** Before a node says no to it in words of its own. The gas of all that follows comes on top. */
async function requireFunds(ledger: Ledger, stakeWei: bigint): Promise<void> {
  const balanceWei = await ledger.balanceOf(ledger.address!)
  if (balanceWei <= stakeWei) throw new ProviderUnderfundedError({ account: ledger.address!, balanceWei, stakeWei })
}

export class ProviderUnderfundedError extends WeightlessError {
  constructor(facts: { account: Hex; balanceWei: bigint; stakeWei: bigint }) {
    super('compute/provider-underfunded', 'The provider’s account cannot pay the stake and gas.', facts, {
      hint: 'Send it the stake and something for gas, then start again.',
    })
  }
}
