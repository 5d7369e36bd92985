import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { makeDcapWorld } from '@weightless/attest/testing/makeDcapWorld'
import { testChainId, testKeys } from '@weightless/chain/testing/openTestChain'
import { hexToBytes } from '@weightless/codec'
import { openTeeChain, type TeeChain } from '@weightless/sdk/testing/openTeeChain'

const bin = join(import.meta.dirname, '../bin/weightless.mjs')
const atSeconds = Math.floor(Date.now() / 1000)
const { collateral, policy } = makeDcapWorld({ atSeconds })
const [provider, key] = [`0x${'11'.repeat(20)}`, `0x${'22'.repeat(20)}`]

describe('weightless attest bind, submit, show', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-keys-'))
  const path = (name: string) => join(folder, name)
  let chain: TeeChain

  before(async () => {
    chain = await openTeeChain(policy.root.bytes)
    const nowhere = 'http://127.0.0.1:1'
    const network = {
      chain: { rpcUrl: chain.url, chainId: testChainId },
      contracts: chain.contracts,
      storage: { indexerUrl: nowhere },
      compute: { gatewayUrl: nowhere },
    }
    writeFileSync(path('network.json'), JSON.stringify(network))
    writeFileSync(path('collateral.json'), JSON.stringify(collateral))
  })
  after(async () => {
    await chain.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** The chain answers from this process, so that it may not wait for the command. */
  function run(...words: string[]): Promise<{ status: number; said: { [name: string]: unknown }; stderr: string }> {
    const env = {
      ...process.env,
      WEIGHTLESS_NETWORK: path('network.json'),
      WEIGHTLESS_KEY: testKeys[0],
      WEIGHTLESS_YES: '1',
    }
    const args = [bin, '--json', '--data-dir', folder, 'attest', ...words]
    return new Promise((resolve) => {
      execFile(process.execPath, args, { env }, (error, stdout, stderr) => {
        resolve({ status: Number(error?.code ?? 0), said: stdout ? JSON.parse(stdout) : {}, stderr })
      })
    })
  }

  test('a key is unknown, bound, submitted with its collateral, and shown', async () => {
    const unknown = await run('show', provider!)
    assert.deepEqual([unknown.status, unknown.said], [1, { known: false }])
    const bound = await run('bind', provider!, key!)
    assert.equal(bound.status, 0, bound.stderr)
    const { quote } = makeDcapWorld({ atSeconds, body: { 520: hexToBytes(bound.said.reportData as string) } })
    writeFileSync(path('quote.bin'), quote)
    const words = ['submit', path('quote.bin'), '--provider', provider!, '--key']
    const bare = await run(...words, key!)
    assert.match(JSON.stringify(bare.said), /sdk\/attestation-refused.*collateral/)
    const other = await run(...words, provider!, '--collateral', path('collateral.json'))
    assert.match(JSON.stringify(other.said), /sdk\/attestation-refused.*report-data/)
    const taken = await run(...words, key!, '--collateral', path('collateral.json'))
    assert.equal(taken.status, 0, taken.stderr)
    const shown = await run('show', provider!)
    const { known, status, tee, isFresh } = shown.said
    assert.deepEqual([shown.status, known, status, tee, isFresh], [0, true, 'UpToDate', 'tdx', true])
  })
})
