/** A stranger disputes answers over the network: an honest provider's stands, a changed weight is found and named, silence is told from guilt. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Hex } from '@weightless/codec'
import { openTensorEngine } from '@weightless/compute'
import { abis, addresses } from '@weightless/contracts'
import { ChoiceUnjudgedError } from '@weightless/dispute/contract/accusationArguments'
import { modelFacts } from '@weightless/dispute/contract/modelFacts'
import { type Bundle, bundleToJson, type ChatOpening, hashReceipt, isChatBundle, readBundle } from '@weightless/receipt'
import { adjustBits, samplerBits } from '@weightless/receipt/commitments'
import { isWorkingSigned } from '@weightless/receipt/working'
import {
  type Client,
  type Dispute,
  judgeVerdict,
  parseVerdictFile,
  ReceiptUndisputableError,
  VerdictRefusedError,
  verdictFileToJson,
} from '@weightless/sdk'
import { bytesSource, describeModel, readGguf } from '@weightless/tensor'
import { openCheatingEngine } from '../../packages/compute/scripts/cheat.ts'
import { clientOf, configOf, keyOf } from './clientOf.ts'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tinyModel, tokens } from './computeNet.ts'
import { weights } from './exactStage.ts'

const headers = { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json' }
const bin = join(import.meta.dirname, '../../packages/cli/bin/weightless.mjs')
const model = fileURLToPath(tinyModel)
const seed = Number(process.env.WEIGHTLESS_SEED ?? 7)

/** A bit of the scale of a block of a matrix that every position uses, drawn from the seed. */
async function changedWeights(): Promise<{ changed: Uint8Array; tensor: string }> {
  const { tensors } = await readGguf(bytesSource(weights))
  const matrices = [...tensors.values()].filter(({ name }) => /^blk\.\d+\.(attn_[qkv]|ffn_\w+)\.weight$/.test(name))
  const tensor = matrices[(seed * 2_654_435_761) % matrices.length]!
  const changed = weights.slice()
  changed[tensor.offset]! ^= 0x10
  return { changed, tensor: tensor.name }
}

describe('a dispute over the network', () => {
  let net: ComputeNet
  let stranger: Client
  let bundleOf: (model: string, more?: object) => Promise<Bundle<ChatOpening>>
  const urls: Record<string, string> = {}

  before(async () => {
    net = await startComputeNet()
    stranger = clientOf(net, 7)
    const { changed } = await changedWeights()
    const { env } = net
    const honest = await openTensorEngine({ env, name: 'probe', weights: weights.slice() })
    const identity = honest.model
    await honest.close()
    const engines = {
      honest: () => openTensorEngine({ env, name: 'honest', weights: weights.slice(), file: bytesSource(weights) }),
      /** Runs other weights than it claims, and works from them in a dispute too. */
      changed: () => openTensorEngine({ env, name: 'changed', weights: changed.slice(), file: bytesSource(changed) }),
      /** The same, but shows workings of the claimed weights. */
      covering: () => openTensorEngine({ env, name: 'covering', weights: changed.slice(), file: bytesSource(weights) }),
      silent: () => openTensorEngine({ env, name: 'silent', weights: changed.slice() }),
      /** Runs the claimed weights, and chooses at another temperature than it is asked for. */
      warmer: () => openCheatingEngine({ env, name: 'warmer', weights: weights.slice(), cheat: 'sampler' }),
    }
    const provided = { ...contracts, disputeGame: addresses.disputeGame }
    for (const [index, [name, open]] of Object.entries(engines).entries()) {
      const openEngine = async () => {
        const engine = await open()
        return { ...engine, model: { ...identity, name } }
      }
      const provider = await net.startProvider({
        // 7 is the stranger's.
        accountIndex: index < 4 ? 3 + index : 4 + index,
        folder: name,
        openEngine,
        contracts: provided,
      })
      await provider.ready
      urls[name] = provider.url
    }
    await net.deposit(2, tokens(100))
    const gateway = await net.startGateway({ limits: { directoryAgeMsMax: 0 } })
    urls.gateway = gateway.url
    bundleOf = async (model, more = {}) => {
      const body = JSON.stringify({
        model,
        messages: [{ role: 'user', content: 'Hello' }],
        max_tokens: 5,
        seed: 3,
        ...more,
      })
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })
      assert.equal(answer.status, 200, await answer.text())
      const id = answer.headers.get('x-weightless-receipt')
      const read = readBundle(await (await fetch(`${gateway.url}/v1/receipts/${id}`, { headers })).json())
      assert.ok(read.ok && isChatBundle(read.value))
      return read.value
    }
  })

  after(() => net.close())

  const dispute = (bundle: Bundle, providerUrl: string): Promise<Dispute> =>
    stranger.receipts.dispute(bundle, { providerUrl, loadWeights: async () => weights })

  /** Its verdict as a file: judged again as anybody would, and by another model not at all. */
  async function requireGuilty(bundle: Bundle, outcome: Dispute) {
    assert.ok(outcome.outcome === 'guilty', outcome.outcome)
    const { accusation, root } = outcome.verdict
    assert.ok(root && 'working' in accusation, 'no signed root')
    const { operator, step } = accusation.working
    const word = { choice: 0, position: step.position, operator, root: root.root }
    assert.ok(isWorkingSigned(bundle.receipt, word, bundle.settlement, root.signature))
    const other = { ...word, operator: operator + 1 }
    assert.equal(isWorkingSigned(bundle.receipt, other, bundle.settlement, root.signature), false)
    const read = parseVerdictFile(JSON.stringify(verdictFileToJson(outcome.verdict)))
    assert.ok(read.ok)
    assert.deepEqual(await judgeVerdict(read.value, weights), { outcome: 'guilty', finding: outcome.finding })
    assert.equal((await judgeVerdict(read.value, (await changedWeights()).changed)).outcome, 'refused')
    return { ...outcome, accusation }
  }

  const run = (words: string[], env: Record<string, string> = {}) =>
    new Promise<{ code: number; said: Record<string, unknown> }>((resolve, reject) => {
      execFile(
        process.execPath,
        [bin, '--json', ...words],
        { cwd: net.folder, env: { ...process.env, ...env } },
        (error, stdout, stderr) => {
          if (!stdout) return reject(new Error(stderr))
          resolve({ code: error ? Number(error.code) : 0, said: JSON.parse(stdout) })
        },
      )
    })

  test('an honest provider wins', async () => {
    const outcome = await dispute(await bundleOf('honest'), urls.honest!)
    // The roots agree, so there is nothing to ask.
    assert.deepEqual(outcome, { outcome: 'agreed', questions: 0 })
  })

  test('a changed weight is found and named', async (t) => {
    const bundle = await bundleOf('changed')
    const { finding, accusation, questions } = await requireGuilty(bundle, await dispute(bundle, urls.changed!))
    assert.equal(accusation.kind, 'word')
    const { tensor } = await changedWeights()
    const layer = /^blk\.(\d+)\./.exec(tensor)![1]
    assert.match(finding.operator, new RegExp(`layer ${layer} `))
    t.diagnostic(`${tensor}: ${finding.operator}, ${finding.what} ${finding.element}, ${questions} questions`)
  })

  test('so is one in an answer that is too long to be kept beside the log', async () => {
    const bundle = await bundleOf('changed', { stop: ['x'.repeat(20_000)] })
    await requireGuilty(bundle, await dispute(bundle, urls.changed!))
  })

  test('by the command line, which knows no network, the same is found, kept and judged', async () => {
    const files: Record<string, string> = {}
    for (const name of ['changed', 'honest']) {
      files[name] = join(net.folder, `${name}.json`)
      writeFileSync(files[name], JSON.stringify(bundleToJson(await bundleOf(name))))
    }
    const open = (name: string) => {
      const out = join(net.folder, `${name}.verdict.json`)
      return run(['dispute', 'open', files[name]!, '--provider', urls[name]!, '--model', model, '--out', out])
    }
    const { code, said } = await open('changed')
    assert.deepEqual([code, said.outcome], [1, 'guilty'], JSON.stringify(said))
    const judged = await run(['dispute', 'judge', String(said.file), '--model', model])
    assert.deepEqual([judged.code, judged.said.outcome, judged.said.finding], [0, 'guilty', said.finding])
    assert.equal(judged.said.provider, said.provider)
    const wrong = JSON.parse(readFileSync(String(said.file), 'utf8'))
    wrong.finding.element++
    writeFileSync(String(said.file), JSON.stringify(wrong))
    const refused = await run(['dispute', 'judge', String(said.file), '--model', model])
    assert.deepEqual([refused.code, refused.said.outcome], [1, 'refused'])
    const honest = await open('honest')
    assert.deepEqual([honest.code, honest.said.outcome], [0, 'agreed'])
  })

  test('a stranger takes the verdict to the chain: the provider loses half its stake, user and stranger gain', async () => {
    const bundle = await bundleOf('changed')
    const outcome = await dispute(bundle, urls.changed!)
    assert.ok(outcome.outcome === 'guilty', outcome.outcome)
    const file = join(net.folder, 'chain.verdict.json')
    writeFileSync(file, JSON.stringify(verdictFileToJson(outcome.verdict)))
    const { provider, user } = bundle.receipt
    const ledger = net.ledgerOf(7)
    const stakes = { address: addresses.providerStake, abi: abis.providerStake } as const
    const stakeOf = () => ledger.read({ ...stakes, functionName: 'slashableOf', args: [provider] })
    const creditOf = (account: Hex) => ledger.read({ ...stakes, functionName: 'credits', args: [account] })
    const reporter = net.accountOf(7).address
    const before = await stakeOf()
    assert.ok(before > 0n)
    const network = join(net.folder, 'network.json')
    writeFileSync(network, JSON.stringify(configOf(net)))
    const env = { WEIGHTLESS_NETWORK: network, WEIGHTLESS_KEY: keyOf(net, 7) }
    const { code, said } = await run(['dispute', 'submit', file, '--model', model, '--yes'], env)
    assert.equal(code, 0, JSON.stringify(said))
    assert.equal(await stakeOf(), before / 2n)
    assert.deepEqual([await creditOf(user), await creditOf(reporter)], [(before / 2n / 10n) * 4n, before / 20n])
    assert.deepEqual(
      [said.provider, said.slashedWei, said.toReporterWei],
      [provider, `${before / 2n}`, `${before / 20n}`],
    )
    await assert.rejects(stranger.receipts.submitVerdict(outcome.verdict, { model: weights }), /FaultCounted/)
    const other = { ...outcome.verdict, finding: { ...outcome.finding, element: outcome.finding.element + 1 } }
    await assert.rejects(stranger.receipts.submitVerdict(other, { model: weights }), VerdictRefusedError)
  })

  const stakeOf = (provider: Hex) => {
    const at = { address: addresses.providerStake, abi: abis.providerStake } as const
    return net.ledgerOf(7).read({ ...at, functionName: 'slashableOf', args: [provider] })
  }

  test('a provider that is asked on chain answers there, and is brought to its wrong number for a bond', async (t) => {
    const bundle = await bundleOf('changed')
    const before = await stakeOf(bundle.receipt.provider)
    const {
      dispute: outcome,
      slashing,
      bond,
    } = await stranger.receipts.challenge(bundle, { model: weights, pollMs: 50 })
    assert.deepEqual([outcome.outcome, bond], ['guilty', 'returned'])
    assert.equal(slashing?.slashedWei, before / 2n)
    assert.equal(await stakeOf(bundle.receipt.provider), before - before / 2n)
    t.diagnostic(`${outcome.questions} questions on chain`)
    const honest = await stranger.receipts.challenge(await bundleOf('honest'), { model: weights })
    assert.deepEqual([honest.dispute.outcome, honest.bond], ['agreed', 'none'])
  })

  test('a choice at another temperature is found in one weight, and costs stake as a changed weight does', async (t) => {
    const bundle = await bundleOf('warmer', { temperature: 0.8, top_p: 0.9 })
    const { finding, verdict } = await requireGuilty(bundle, await dispute(bundle, urls.warmer!))
    assert.deepEqual([finding.operator, finding.what], ['sample', 'w'])
    const before = await stakeOf(bundle.receipt.provider)
    const slashing = await stranger.receipts.submitVerdict(verdict, { model: weights })
    assert.equal(await stakeOf(bundle.receipt.provider), before - before / 2n)
    t.diagnostic(`token ${finding.element}: ${finding.expected}, claimed ${finding.claimed}; ${slashing.gasUsed} gas`)
    // Asked on chain, it comes to the same.
    const again = await bundleOf('warmer', { temperature: 0.7, top_p: 0.8 })
    const { dispute: outcome, bond } = await stranger.receipts.challenge(again, { model: weights, pollMs: 50 })
    assert.ok(outcome.outcome === 'guilty' && outcome.finding.operator === 'sample')
    assert.equal(bond, 'returned')
    // Who chooses as the receipt says stands.
    const right = await bundleOf('honest', { temperature: 0.8, top_p: 0.9 })
    assert.deepEqual(await dispute(right, urls.honest!), { outcome: 'agreed', questions: 0 })
  })

  test('of a choice under masks a provider shows on chain that there were some, and signs no root', async () => {
    const schema = { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'] }
    const response_format = { type: 'json_schema', json_schema: { name: 'a', schema } }
    const bundle = await bundleOf('honest', { response_format, temperature: 0.8, top_p: 0.9, max_tokens: 30 })
    assert.ok(bundle.opening.shape)
    const { receipt, signature, opening } = bundle
    const { graph } = await describeModel(weights.slice())
    const facts = modelFacts(graph, weights.length)
    const bits = { sampler: samplerBits(opening.sampler), adjust: adjustBits(opening.sampler) }
    const exhibit = { receipt, signature, ...bits, model: facts }
    const ledger = net.ledgerOf(7)
    const at = { address: addresses.disputeGame, abi: abis.disputeGame } as const
    const bond = await ledger.read({ ...at, functionName: 'bondWei' })
    await ledger.submit({ ...at, functionName: 'challenge', args: [exhibit], value: bond })
    const challenger = net.accountOf(7).address
    const hash = hashReceipt(receipt, bundle.settlement)
    const id = await ledger.read({ ...at, functionName: 'gameIdOf', args: [hash, challenger] })
    const position = Number(receipt.promptTokens) - 1
    const sample = 3 + 7 * graph.layerCount
    const gameOf = () => ledger.read({ ...at, functionName: 'gameOf', args: [id] })
    const ask = (operator: number) =>
      ledger.submit({ ...at, functionName: 'askRoot', args: [id, position, operator, facts] })
    const untilAnswered = async () => {
      while ((await gameOf()).turn !== 1) await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await ask(sample)
    await untilAnswered()
    assert.ok((await gameOf()).isShaped)
    await assert.rejects(ask(sample), /QuestionWrong/)
    // All else is answered.
    await ask(sample - 1)
    await untilAnswered()
  })

  test('who does not answer on chain in time loses stake', async () => {
    const bundle = await bundleOf('silent')
    const before = await stakeOf(bundle.receipt.provider)
    const { rpc } = net.ledgerOf(7)
    const {
      dispute: outcome,
      slashing,
      bond,
    } = await stranger.receipts.challenge(bundle, {
      model: weights,
      pollMs: 50,
      onQuestion: () => void setTimeout(() => void rpc.request('evm_increaseTime', ['0x2bc']), 1_000),
    })
    assert.deepEqual([outcome.outcome, bond], ['withheld', 'returned'])
    assert.equal(slashing?.slashedWei, before / 2n)
  })

  test('who covers a changed weight with an honest working contradicts its own commitment', async () => {
    const bundle = await bundleOf('covering')
    const { accusation } = await requireGuilty(bundle, await dispute(bundle, urls.covering!))
    assert.equal(accusation.kind, 'bound')
  })

  test('who does not answer has withheld, and is not found guilty', async () => {
    const bundle = await bundleOf('silent')
    assert.equal((await dispute(bundle, urls.silent!)).outcome, 'withheld')
    assert.equal((await dispute(await bundleOf('changed'), 'http://127.0.0.1:1')).outcome, 'withheld')
  })

  test('a choice under penalties and biases is disputed and decided as any other', async () => {
    const more = { temperature: 0.8, top_p: 0.9, presence_penalty: 1, frequency_penalty: 0.5, logit_bias: { 65: 2 } }
    const right = await bundleOf('honest', more)
    assert.deepEqual(await dispute(right, urls.honest!), { outcome: 'agreed', questions: 0 })
    const bundle = await bundleOf('warmer', more)
    const { finding, verdict } = await requireGuilty(bundle, await dispute(bundle, urls.warmer!))
    assert.deepEqual([finding.operator, finding.what], ['sample', 'w'])
    const before = await stakeOf(bundle.receipt.provider)
    await stranger.receipts.submitVerdict(verdict, { model: weights })
    assert.equal(await stakeOf(bundle.receipt.provider), before - before / 2n)
    const again = await bundleOf('warmer', { ...more, temperature: 0.7 })
    const { dispute: outcome, bond } = await stranger.receipts.challenge(again, { model: weights, pollMs: 50 })
    assert.ok(outcome.outcome === 'guilty' && outcome.finding.operator === 'sample')
    assert.equal(bond, 'returned')
  })

  test('a choice under a schema is disputed by who has the request, judged from the file, and by no contract', async () => {
    const response_format = { type: 'json_schema', json_schema: { name: 'a', schema: { enum: [1, 2] } } }
    const more = { response_format, temperature: 0.8 }
    const right = await bundleOf('honest', more)
    assert.deepEqual(await dispute(right, urls.honest!), { outcome: 'agreed', questions: 0 })
    // No root of a working of its choice is signed.
    const ask = async (operator: number) => {
      const question = { ask: 'root', position: Number(right.receipt.promptTokens) - 1, operator }
      const body = JSON.stringify({ salt: right.opening.salt, choice: 0, question })
      const url = `${urls.honest}/v1/receipts/${hashReceipt(right.receipt, right.settlement)}/dispute`
      return (await fetch(url, { method: 'POST', headers, body })).status
    }
    const { graph } = await describeModel(weights)
    const sample = 3 + 7 * graph.layerCount
    assert.deepEqual([await ask(sample - 1), await ask(sample)], [200, 404])
    const bundle = await bundleOf('warmer', more)
    const outcome = await dispute(bundle, urls.warmer!)
    assert.ok(outcome.outcome === 'guilty', outcome.outcome)
    assert.deepEqual([outcome.finding.operator, outcome.finding.what], ['sample', 'choice'])
    const read = parseVerdictFile(JSON.stringify(verdictFileToJson(outcome.verdict)))
    assert.ok(read.ok)
    assert.deepEqual(await judgeVerdict(read.value, weights), { outcome: 'guilty', finding: outcome.finding })
    await assert.rejects(stranger.receipts.submitVerdict(read.value, { model: weights }), ChoiceUnjudgedError)
    const changed = await bundleOf('changed', more)
    await requireGuilty(changed, await dispute(changed, urls.changed!))
  })

  test('of several answers no step leads to the receipt', async () => {
    await assert.rejects(dispute(await bundleOf('honest', { n: 2 }), urls.honest!), ReceiptUndisputableError)
  })

  test('a question without the opening has no answer, nor has one about what is not there', async () => {
    const { receipt, opening, settlement } = await bundleOf('honest')
    const id = hashReceipt(receipt, settlement)
    const ask = async (url: string, body: unknown) =>
      (await fetch(`${url}/v1/receipts/${id}/dispute`, { method: 'POST', headers, body: JSON.stringify(body) })).status
    const question = { ask: 'root', position: 0, operator: 1 }
    const right = { salt: opening.salt, choice: 0, question }
    assert.equal(await ask(urls.honest!, right), 200)
    assert.equal(await ask(urls.gateway!, right), 200)
    assert.equal(await ask(urls.honest!, { ...right, salt: `0x${'00'.repeat(32)}` }), 404)
    assert.equal(await ask(urls.honest!, { ...right, question: { ...question, operator: 9_999 } }), 404)
    assert.equal(await ask(urls.honest!, { ...right, question: { ask: 'everything' } }), 400)
    assert.equal(await ask(urls.honest!, { ...right, padding: 'x'.repeat(2_000) }), 413)
  })
})
