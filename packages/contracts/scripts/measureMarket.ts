/** Gas of the market: offers, a match over all of them, stakes, and a job from posting to payment. */
import { type Hex, keccak256, parseEther, toHex, zeroAddress, zeroHash } from 'viem'
import { createRig, type Rig } from './contractRig.ts'
import type { GasTable } from './gasTable.ts'

const root = keccak256(toHex('root'))
const anywhere: Hex = `0x${'00'.repeat(16)}`

export async function measureMarket(): Promise<GasTable> {
  const rig = await createRig()
  return { ...(await measureMatch(rig)), ...(await measureJob(rig)) }
}

async function measureMatch(rig: Rig): Promise<GasTable> {
  const { inferenceServing, serviceMarket, priorityStake } = rig.contracts
  const table: GasTable = {}
  const providers = rig.accounts.slice(1, 9).map(({ address }) => address)
  const measured = { tokensPerSecond: 40, concurrentSlots: 8, firstTokenMs: 120, measuredAt: rig.evm.block.timestamp }
  const service = { serviceType: 'chatbot', url: 'http://127.0.0.1:8081', model: 'm', verifiability: 'OpML' }
  for (const from of providers) {
    const args = [
      { ...service, inputPrice: 1n, outputPrice: 2n, additionalInfo: '{}', teeSignerAddress: from },
    ] as const
    await rig.must(inferenceServing, 'addOrUpdateService', args, { from, value: parseEther('1') })
    const declared = await rig.must(serviceMarket, 'declareOffer', [root, anywhere, 0, measured], { from })
    table['serviceMarket.declareOffer'] = Number(declared.gasUsed)
    const renewed = await rig.must(serviceMarket, 'renewOffer', [], { from })
    table['serviceMarket.renewOffer'] = Number(renewed.gasUsed)
    const locked = await rig.must(priorityStake, 'lock', [], { from, value: 1n })
    table['priorityStake.lock'] = Number(locked.gasUsed)
  }
  const hashes = { serviceType: zeroHash, model: zeroHash, modelRoot: root, region: anywhere }
  const prices = { inputPriceMax: 10n, outputPriceMax: 10n, inputTokens: 0, outputTokens: 0, toleranceBps: 0 }
  const speed = { firstTokenMsMax: 500, tokensPerSecondMin: 1, concurrentSlotsMin: 1, measuredSince: 0n }
  const trust = { privacyMin: 0, checks: 2, auditedOnly: false, redundancy: 3 }
  const need = { ...hashes, ...prices, ...speed, ...trust }
  const { gasUsed, value } = await rig.must(serviceMarket, 'matchNeed', [need, root])
  if (value.length !== 3) throw new Error(`the match gave ${value.length} providers`)
  table['serviceMarket.matchNeed over 8, per offer, as a transaction'] = Math.round(Number(gasUsed) / providers.length)
  return table
}

async function measureJob(rig: Rig): Promise<GasTable> {
  const { jobBoard } = rig.contracts
  const [, poster, provider] = rig.accounts.map(({ address }) => address)
  const prices = { priceFloor: 1000n, priceMax: 1000n, bond: 100n, disputedShareBps: 5000 }
  const times = { auctionSeconds: 0, openSeconds: 600, workSeconds: 600, reviewSeconds: 600 }
  const terms = { kind: 1, mode: 0, provider: zeroAddress, specRoot: root, ...prices, ...times }
  const posted = await rig.must(jobBoard, 'postJob', [terms], { from: poster!, value: 1000n })
  const jobId = posted.value
  const accepted = await rig.must(jobBoard, 'acceptJob', [jobId], { from: provider!, value: 100n })
  const delivered = await rig.must(jobBoard, 'deliverJob', [jobId, root, root], { from: provider! })
  const acknowledged = await rig.must(jobBoard, 'acknowledgeJob', [jobId], { from: poster! })
  return {
    'jobBoard.postJob': Number(posted.gasUsed),
    'jobBoard.acceptJob': Number(accepted.gasUsed),
    'jobBoard.deliverJob': Number(delivered.gasUsed),
    'jobBoard.acknowledgeJob': Number(acknowledged.gasUsed),
  }
}
