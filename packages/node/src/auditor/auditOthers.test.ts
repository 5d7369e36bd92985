/** Claims of hardware over HTTP, with dev quotes and a real one; nodes of the chain, of which one forked and one is gone. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { makeDevQuote } from '@weightless/attest'
import { openTestChain, type TestChain, testAccounts } from '@weightless/chain/testing/openTestChain'
import { bytesToHex, encodeBase64, type Hex, hexToBytes } from '@weightless/codec'
import { checkEvidence, readEvidence } from '@weightless/compute'
import { attestationBinding, auditAttestation } from '@weightless/compute/audit/attestation/auditAttestation'
import { auditChainNode } from '@weightless/compute/audit/chainNode/auditChainNode'
import { encodeEvidence, type TargetEvidence } from '@weightless/compute/audit/evidence'
import { sprtStart } from '@weightless/compute/audit/sprt'
import { findingOf, targetIdOf } from '@weightless/contracts/drawTargets'
import type { HttpHandler } from '@weightless/env'
import { createLedger, type Ledger } from '@weightless/ledger'
import { chainNodeId, openChainViews } from './openChainViews.ts'
import { createAttestationReader } from './readAttestation.ts'

const beta: Hex = `0x${'42'.repeat(32)}`
const provider: Hex = `0x${'0a'.repeat(20)}`
const signer: Hex = `0x${'0b'.repeat(20)}`
const { signal } = new AbortController()

const again = (found: TargetEvidence): TargetEvidence => {
  const read = readEvidence(encodeEvidence({ round: 1n, auditor: signer, beta, targets: [found] }))
  assert.ok(read.ok, read.ok ? '' : read.detail)
  return read.value.targets[0]!
}

describe('audits of claims and of chain nodes', () => {
  let chain: TestChain
  let fork: TestChain
  let short: TestChain
  let answer: HttpHandler
  let server: { url: string; close(): Promise<void> }

  before(async () => {
    chain = await openTestChain()
    fork = await openTestChain()
    short = await openTestChain()
    const { network } = chain.env
    server = await network.serve({ port: 0, handler: (request) => answer(request) })
    await chain.rpc('anvil_mine', ['0x40'])
    await fork.rpc('eth_sendTransaction', [{ from: testAccounts[0]!.address, to: signer, value: '0x1' }])
    await fork.rpc('anvil_mine', ['0x40'])
  })

  after(async () => {
    await server.close()
    for (const each of [chain, fork, short]) await each.close()
  })

  describe('of hardware', () => {
    const auditWith = async (verifiability: string, url: string, policy?: { allowDev: boolean }) => {
      const entry = { url, verifiability, teeSignerAddress: signer }
      const read = async ({ functionName }: { functionName: string }) => (functionName === 'getService' ? entry : true)
      const ledger = { read } as unknown as Ledger
      const reader = createAttestationReader({
        ...{ env: chain.env, ledger, inferenceServing: signer, chainId: 31337 },
        ...(policy && { policy }),
      })
      return again(await auditAttestation(reader, { id: targetIdOf(provider), beta }, signal))
    }
    const show =
      (quote: Uint8Array, collateral?: unknown): HttpHandler =>
      async () => ({
        status: 200,
        body: JSON.stringify({ quote: encodeBase64(quote), collateral }),
      })
    const devQuote = (reportData: Uint8Array) =>
      makeDevQuote(
        { issuedSeconds: Math.floor(Date.now() / 1000) - 5, measurement: new Uint8Array(48), reportData },
        new Uint8Array(32).fill(7),
      )
    const binding = attestationBinding({ chainId: 31337, provider, signer, beta })

    test('that is fresh is clean where such evidence is allowed, and not by default', async () => {
      let asked: string | null = ''
      answer = async (request) => {
        asked = request.query.get('report_data')
        return show(devQuote(hexToBytes(asked as Hex)))(request)
      }
      const found = await auditWith('TeeML', server.url, { allowDev: true })
      assert.equal(asked, bytesToHex(binding))
      assert.equal(found.finding, findingOf.clean)
      const refused = await auditWith('TeeML', server.url)
      assert.equal(refused.finding, findingOf.faulty)
      assert.match(refused.outcomes[0]!.detail, /^dev:/)
      // Who checks the file has no reason to allow it.
      const options = { chainId: 31337n, settlement: signer, openModel: async () => undefined }
      const [line] = await checkEvidence({ round: 1n, auditor: signer, beta, targets: [found] }, options)
      assert.equal(line?.agrees, false)
    })

    test('that was shown to another, or before, is not fresh', async () => {
      for (const other of [
        { chainId: 1, provider, signer, beta },
        { chainId: 31337, provider: signer, signer, beta },
        { chainId: 31337, provider, signer: provider, beta },
        { chainId: 31337, provider, signer, beta: `0x${'43'.repeat(32)}` as Hex },
      ]) {
        answer = show(devQuote(attestationBinding(other)))
        const found = await auditWith('TeeML', server.url, { allowDev: true })
        assert.equal(found.finding, findingOf.faulty)
        assert.match(found.outcomes[1]!.detail, /^report-data/)
      }
    })

    test('that is a real quote of somebody else is refused, as is none at all', async () => {
      const folder = new URL('../../../../vectors/attestation/dcap/', import.meta.url)
      const quote = new Uint8Array(await readFile(new URL('tdx-v4.quote', folder)))
      const collateral = JSON.parse(await readFile(new URL('tdx-v4.collateral.json', folder), 'utf8')) as unknown
      answer = show(quote, collateral)
      const found = await auditWith('TeeML', server.url)
      assert.equal(found.finding, findingOf.faulty)
      assert.equal(found.outcomes[0]!.attestation!.quote.length, quote.length)
      answer = async () => ({ status: 501 })
      assert.equal((await auditWith('TeeTLS', server.url)).finding, findingOf.faulty)
    })

    test('is not looked at where none is claimed, and unreachable where nobody answers', async () => {
      assert.equal((await auditWith('OpML', server.url)).finding, findingOf.skipped)
      assert.equal((await auditWith('TeeML', 'http://127.0.0.1:9')).finding, findingOf.unreachable)
    })
  })

  describe('of chain nodes', () => {
    const audit = async (url: string, listed = [url]) => {
      const env = chain.env
      const tools = openChainViews(env, createLedger({ rpcUrl: chain.url, env }), listed, 1)
      const { found } = await auditChainNode(tools, { id: chainNodeId(url), beta, before: sprtStart }, signal)
      return again(found)
    }

    test('that answer heads and blocks in time are clean; of URLs that are not known nothing is said', async () => {
      const found = await audit(chain.url)
      assert.equal(found.finding, findingOf.clean, JSON.stringify(found.outcomes))
      assert.equal(found.outcomes.length, 4)
      const options = { chainId: 31337n, settlement: signer, openModel: async () => undefined }
      const lines = await checkEvidence({ round: 1n, auditor: signer, beta, targets: [found] }, options)
      assert.ok(lines.every(({ agrees, detail }) => agrees && detail.includes('by its word')))
      assert.equal((await audit(chain.url, [])).finding, findingOf.skipped)
    })

    test('that show other blocks, or are far behind, are faulty; silent ones are unreachable', async () => {
      const forked = await audit(fork.url)
      assert.equal(forked.finding, findingOf.faulty)
      assert.match(forked.outcomes.map(({ detail }) => detail).join(), /block \d+: 0x[0-9a-f]+, not 0x/)
      const behind = await audit(short.url)
      assert.equal(behind.finding, findingOf.faulty)
      assert.equal((await audit('http://127.0.0.1:9')).finding, findingOf.unreachable)
    })
  })
})
