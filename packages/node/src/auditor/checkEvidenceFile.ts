/** Checks a file of evidence with weights from the storage network. Spec: spec/alignment.md 10.5 */
import { WeightlessError } from '@weightless/codec'
import { type CheckedLine, checkEvidence, readEvidence } from '@weightless/compute'
import { createNodeEnv } from '@weightless/env/node'
import { contractAddress, createClient, type NetworkConfig } from '@weightless/sdk'
import { createModelShelf } from './openModels.ts'

/** @throws {EvidenceMalformedError} {ContractUnknownError} */
export async function checkEvidenceFile(
  bytes: Uint8Array,
  { config, dataFolder }: { config: NetworkConfig; dataFolder: string },
): Promise<CheckedLine[]> {
  const read = readEvidence(bytes)
  if (!read.ok) throw new EvidenceMalformedError({ reason: read.detail ?? read.code })
  const settlement = contractAddress(config, 'receiptSettlement')
  const env = createNodeEnv({ dataFolder, log: 'silent', workersMax: 1 })
  try {
    const client = createClient({ config, env })
    const { open } = createModelShelf({}, (root) => client.files.download(root, { isRaw: true }))
    return await checkEvidence(read.value, { chainId: BigInt(config.chain.chainId), settlement, openModel: open })
  } finally {
    await env.close()
  }
}

export class EvidenceMalformedError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('node/evidence-malformed', 'This is no evidence of an auditor.', facts)
  }
}
