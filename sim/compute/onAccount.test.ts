/** Jobs too small to be claimed need no signature: taken up to a published limit, and paid even after both forgot them. COMPUTE §7.2, §7.4 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { Gateway, Provider } from '@weightless/compute'
import { decodeTerms, encodeTerms, type JobTerms, termsHeader } from '@weightless/compute/wire'
import { NetworkError } from '@weightless/env'
import type { NodeEnv } from '@weightless/env/node'
import { type ComputeNet, gatewayKey, startComputeNet, tokens } from './computeNet.ts'
import { createDirectUser, type DirectUser } from './directUser.ts'

type Fetch = NodeEnv['network']['fetch']

const request = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 }

describe('jobs on account', () => {
  let net: ComputeNet
  let provider: Provider
  let user: DirectUser
  /** Terms of the jobs that gateways asked for. */
  let seen: JobTerms[]

  before(async () => {
    net = await startComputeNet()
    provider = await net.startProvider()
    await Promise.all([provider.ready, net.deposit(2, tokens(100))])
    user = await createDirectUser(net, provider, 2)
    await user.fund(tokens(1))
  })
  after(() => net.close())

  /** A gateway whose requests are looked at, and whose answers may be changed, on the way. */
  async function startGateway(folder: string, change: (url: string, go: () => ReturnType<Fetch>) => ReturnType<Fetch>) {
    seen = []
    const fetchThrough: Fetch = (url, options) => {
      const header = options?.headers?.[termsHeader]
      const terms = header === undefined ? undefined : decodeTerms(header)
      if (terms?.ok) seen.push(terms.value)
      return change(url, () => net.env.network.fetch(url, options))
    }
    return net.startGateway({ folder, env: { ...net.env, network: { ...net.env.network, fetch: fetchThrough } } })
  }

  async function ask({ url }: Gateway, only: Hex = provider.address): Promise<number> {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...request, provider: { only: [only] } }),
    })
    await answer.text()
    return answer.status
  }

  const onAccountMax = async () =>
    BigInt(((await user.account()) as unknown as { on_account_max: string }).on_account_max)

  test('a small one is taken without a signature, receipted and paid', async () => {
    const gateway = await startGateway('plain', (_, go) => go())
    assert.equal(await ask(gateway), 200)
    await gateway.settled()
    assert.deepEqual(
      seen.map(({ signature }) => signature),
      [undefined],
    )
    await provider.settle()
    const { receipted, paid_on_chain, unvouched } = await user.account()
    assert.ok(BigInt(receipted) > 0n)
    assert.deepEqual([paid_on_chain, unvouched], [receipted, []])
    await gateway.close()
  })

  test('a gateway that lost its notes pays for the jobs that it gave out, and for none whose terms were changed', async () => {
    const cut = await startGateway('cut', (url, go) => {
      if (url.endsWith('/v1/settlements')) throw new NetworkError({ url, reason: 'cut off' })
      return go()
    })
    assert.equal(await ask(cut), 200)
    await cut.settled()
    await cut.close()
    const [job] = (await user.account()).unvouched
    assert.ok(job)
    assert.equal((job as { authorization: { signature?: string } }).authorization.signature, undefined)

    const deceived = await startGateway('deceived', async (url, go) => {
      const response = await go()
      if (!url.endsWith('/v1/account')) return response
      const account = (await response.json()) as { unvouched: { authorization: { authorization: object } }[] }
      for (const { authorization } of account.unvouched) {
        authorization.authorization = { ...authorization.authorization, maxFee: `${10n ** 18n}` }
      }
      return { ...response, json: async () => account }
    })
    assert.equal(await ask(deceived), 200)
    await deceived.settled()
    await deceived.close()
    assert.equal((await user.account()).unvouched.length, 1, 'its own job is paid, the changed one is not')

    const later = await net.startGateway({ folder: 'later' })
    assert.equal(await ask(later), 200)
    await later.settled()
    const { unvouched, vouched, receipted } = await user.account()
    assert.deepEqual([unvouched, vouched], [[], receipted])
  })

  test('one that may cost more than the limit is refused, and a gateway told so signs', async () => {
    const { job_nonce } = await user.account()
    const terms = await user.terms(BigInt(job_nonce) + 1n, { maxFee: (await onAccountMax()) + 1n })
    const send = (text: string) =>
      fetch(`${provider.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...user.headers, [termsHeader]: text },
        body: JSON.stringify(user.request),
      })
    const unsigned = await send(encodeTerms({ ...terms, signature: undefined }))
    const { error } = (await unsigned.json()) as { error: { code: string } }
    assert.deepEqual([unsigned.status, error.code], [401, 'authorization_unsigned'])
    const dear = await net.startProvider({ accountIndex: 8, folder: 'dear', limits: { claimAlways: true } })
    await dear.ready
    // Told a limit that is too high, it is refused once.
    const gateway = await startGateway('misled', async (url, go) => {
      const response = await go()
      if (!url.endsWith('/v1/account')) return response
      const account = (await response.json()) as object
      return { ...response, json: async () => ({ ...account, on_account_max: `${2n ** 100n}` }) }
    })
    assert.equal(await ask(gateway, dear.address), 200)
    await gateway.settled()
    assert.deepEqual(
      seen.map(({ signature }) => signature !== undefined),
      [false, true],
    )
    await gateway.close()
    await dear.close()
  })
})
