/** Checks a file of evidence with weights from the storage network. Spec: spec/alignment.md 10.5 */
import { WeightlessError } from '@weightless/codec'
import { type CheckedLine, checkEvidence, readEvidence } from '@weightless/compute'
import { createNodeEnv } from '@weightless/env/node'
import { createLedger } from '@weightless/ledger'
import { contractAddress, createClient, type NetworkConfig } from '@weightless/sdk'
import { createModelShelf } from './openModels.ts'
import { readKeyRecord } from './readKeyRecord.ts'

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
    const { teeKeys } = config.contracts
    const ledger = createLedger({ rpcUrl: config.chain.rpcUrl, env })
    return await checkEvidence(read.value, {
      ...{ chainId: BigInt(config.chain.chainId), settlement, openModel: open },
      ...(teeKeys && {
        recordAt: (provider, key, blockNumber) => readKeyRecord(ledger, teeKeys, { provider, key, blockNumber }),
      }),
    })
  } finally {
    await env.close()
  }
}

export class EvidenceMalformedError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('node/evidence-malformed', 'This is no evidence of an auditor.', facts)
  }
}
