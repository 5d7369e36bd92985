/** Who frees the bytes of a fragment, and when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchResponse } from '@weightless/env'
import { createSim } from '@weightless/env/sim'
import type { NodeRecord } from '@weightless/storage/wire'
import { createRowSender } from './rowSender.ts'

async function send(answers: { status: number; isSent: boolean }[]) {
  const sim = createSim({ seed: 1 })
  const { clock, network } = sim.boot('client')
  const fetch = async () => {
    const { status, isSent } = answers.shift()!
    const facts = { code: 'submission-unknown', message: '' }
    const bytes = async () => new TextEncoder().encode(JSON.stringify(facts))
    return { status, isSent: () => isSent, bytes } as unknown as FetchResponse
  }
  const data = new Uint8Array(65_536)
  const settled: [bytes: number, isStored: boolean][] = []
  const sender = createRowSender(
    { clock, network: { ...network, fetch }, stallMs: 1_000 },
    { url: 'http://holder' } as NodeRecord,
    '0x00',
    { onSettled: (fragment, isStored) => settled.push([fragment.data.length, isStored]), onFault: () => undefined },
    new AbortController().signal,
  )
  sender.push({ stripe: 0, head: new Uint8Array(8), data })
  await sim.run(sender.idle())
  return { bytesLeft: data.length, settled }
}

test('a fragment is freed when it is stored and has left, after whoever counts it was told', async () => {
  assert.deepEqual(await send([{ status: 200, isSent: true }]), { bytesLeft: 0, settled: [[65_536, true]] })
})

test('a fragment stays while its request may still be on its way', async () => {
  const early = await send([{ status: 200, isSent: false }])
  assert.deepEqual(early, { bytesLeft: 65_536, settled: [[65_536, true]] })
})

test('a fragment that was sent twice stays', async () => {
  const twice = await send([
    { status: 409, isSent: false },
    { status: 200, isSent: true },
  ])
  assert.deepEqual(twice, { bytesLeft: 65_536, settled: [[65_536, true]] })
})
