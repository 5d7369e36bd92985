import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Env } from '../env.ts'
import { createSim, type Sim } from './createSim.ts'

const text = (content: string): Uint8Array => new TextEncoder().encode(content)

test('time is virtual, in order, and the same for the same seed', async () => {
  const story = async (seed: number) => {
    const sim = createSim({ seed })
    const { clock, random, log } = sim.boot('a')
    const order: string[] = []
    const nap = async (name: string, ms: number) => {
      await clock.sleep(ms)
      order.push(name)
      log.info('woke', { name, chance: random.bytes(1)[0] })
    }
    await sim.run(Promise.all([nap('later', 86_400_000), nap('sooner', 5), nap('first', 0)]))
    return { order, hash: sim.auditHash(), nowMs: sim.nowMs() }
  }
  const first = await story(1)
  assert.deepEqual(first.order, ['first', 'sooner', 'later'])
  assert.equal(first.nowMs, 86_400_000)
  assert.deepEqual(await story(1), first)
  assert.notEqual((await story(2)).hash, first.hash)
})

test('a wait can be called off, and a world in which nothing is left to happen says so', async () => {
  const sim = createSim({ seed: 1 })
  const { clock } = sim.boot('a')
  const controller = new AbortController()
  const sleeping = clock.sleep(1000, controller.signal)
  controller.abort()
  await assert.rejects(sim.run(sleeping), { code: 'env/aborted' })
  await assert.rejects(sim.run(new Promise(() => {})), { code: 'sim/stuck' })
  const forever = async (): Promise<void> => {
    for (;;) await clock.sleep(1)
  }
  await assert.rejects(sim.run(forever(), 100), { code: 'sim/stuck' })
})

/** Writes with and without sync, loses power, and says what is left. */
async function losePower(seed: number, sectorLossChance: number) {
  const sim = createSim({ seed, faults: { sectorLossChance } })
  const { disk } = sim.boot('a')
  await sim.run(
    (async () => {
      const kept = await disk.open('folder/kept', 'create')
      await kept.write(0, text('durable'))
      await kept.sync()
      await disk.syncFolder('folder')
      await kept.write(7, new Uint8Array(2000).fill(1))
      const nameless = await disk.open('folder/nameless', 'create')
      await nameless.write(0, text('content'))
      await nameless.sync()
    })(),
  )
  sim.crash('a')
  const kept = sim.disk('a').peek('folder/kept')!
  return { sim, kept, paths: sim.disk('a').paths(), fired: sim.faultsFired() }
}

test('a power cut keeps what was synced, tears or forgets the rest, and forgets names', async () => {
  const lengths = new Set<number>()
  let nameless = 0
  for (let seed = 1; seed <= 60; seed++) {
    const { kept, paths, fired } = await losePower(seed, 0)
    assert.deepEqual(kept.slice(0, 7), text('durable'))
    assert.ok(kept.slice(7).every((byte) => byte === 1))
    lengths.add(kept.length)
    if (!paths.includes('folder/nameless')) nameless++
    else assert.equal(fired['folder change forgotten'], undefined)
  }
  assert.ok(lengths.has(7) && lengths.has(2007) && lengths.size > 10, [...lengths].join())
  assert.ok(nameless > 10 && nameless < 50)
})

test('a power cut may lose sectors inside a write, never bytes that were synced', async () => {
  let lost = 0
  for (let seed = 1; seed <= 40; seed++) {
    const { kept, fired } = await losePower(seed, 1)
    assert.deepEqual(kept.slice(0, 7), text('durable'))
    if (!fired['sectors lost']) continue
    lost++
    assert.equal(kept.length, 2007)
    assert.ok(kept.slice(7).includes(0))
    for (let at = 7; at < 2007; at++) assert.equal(kept[at], kept[Math.max(7, at - (at % 512))])
  }
  assert.ok(lost > 10)
})

test('kill -9 forgets nothing; the dead do nothing; a restart sees the disk', async () => {
  const sim = createSim({ seed: 1 })
  const before = sim.boot('a')
  const file = await sim.run(before.disk.open('file', 'create'))
  await sim.run(file.write(0, text('unsynced')))
  const down = sim.whenDown('a')
  sim.kill('a')
  await down
  assert.equal(sim.isAlive('a'), false)
  file.writeSync(0, text('GHOST'))
  let woke = false
  before.clock.sleep(1).then(() => {
    woke = true
  })
  const after = sim.boot('a')
  const again = await sim.run(after.disk.open('file', 'read'))
  assert.deepEqual(await sim.run(again.read(0, 100)), text('unsynced'))
  await sim.advance(1000)
  assert.equal(woke, false)
  assert.deepEqual(sim.faultsFired(), { kill: 1, restart: 1 })
})

test('a host dies in the very operation that was chosen', async () => {
  for (let at = 1; at <= 4; at++) {
    const sim = createSim({ seed: 1 })
    const { disk } = sim.boot('a')
    sim.disk('a').crashAtChange(at)
    const steps: string[] = []
    const story = async (): Promise<void> => {
      const file = await disk.open('file', 'create')
      steps.push('created')
      await file.write(0, text('x'))
      steps.push('written')
      await file.sync()
      steps.push('synced')
      await disk.syncFolder('')
      steps.push('named')
    }
    await sim.run(Promise.race([story(), sim.whenDown('a')]))
    assert.deepEqual(steps, ['created', 'written', 'synced', 'named'].slice(0, at - 1))
  }
})

test('injected disk faults have the types of the real ones, and a failed sync loses its writes', async () => {
  const sim = createSim({ seed: 3, diskBytesMax: 100 })
  const { disk } = sim.boot('a')
  const file = await sim.run(disk.open('file', 'create'))
  await sim.run(disk.syncFolder(''))
  await assert.rejects(sim.run(file.write(0, new Uint8Array(101))), { code: 'env/disk-full' })
  await assert.rejects(sim.run(disk.open('absent', 'read')), { code: 'env/file-missing' })
  await sim.run(file.write(0, text('lost')))
  sim.faults.diskErrorChance = 1
  await assert.rejects(sim.run(file.sync()), {
    code: 'env/disk',
    facts: { path: 'file', operation: 'sync', reason: 'EIO' },
  })
  sim.faults.diskErrorChance = 0
  await sim.run(file.sync())
  assert.deepEqual(await sim.run(file.read(0, 4)), text('lost'))
  sim.crash('a')
  assert.notDeepEqual(sim.disk('a').peek('file')!.slice(0, 4), text('lost'))
})

async function serveNumbers(env: Env): Promise<void> {
  await env.network.serve({
    port: 80,
    bodyBytesMax: 1000,
    handler: async ({ path, body, remoteAddress, signal }) => {
      let length = 0
      for await (const piece of body) length += piece.length
      if (path === '/fail') throw new Error('refused')
      if (path === '/hang') await new Promise((resolve) => signal.addEventListener('abort', resolve))
      async function* numbers(): AsyncGenerator<string> {
        try {
          for (let at = 0; ; at++) yield `${at} `
        } finally {
          env.log.info('stream ended')
        }
      }
      return { status: 200, headers: { 'X-From': remoteAddress }, body: path === '/numbers' ? numbers() : `${length}` }
    },
    onSocket: async (socket) => {
      for await (const message of socket.messages) socket.send(`echo ${message}`)
    },
  })
}

async function twoHosts(
  faults: Parameters<typeof createSim>[0]['faults'] = {},
  seed = 1,
): Promise<{ sim: Sim; client: Env }> {
  const sim = createSim({ seed, faults })
  await sim.run(serveNumbers(sim.boot('server')))
  return { sim, client: sim.boot('client') }
}

test('hosts talk over HTTP and sockets as in the real world', async () => {
  const { sim, client } = await twoHosts({ lossChance: 0.1 })
  const { network } = client
  const posted = await sim.run(network.fetch('http://server/x?y=1', { method: 'POST', body: 'hello' }))
  assert.equal(posted.status, 200)
  assert.equal(posted.headers['x-from'], 'client')
  assert.equal(await sim.run(posted.text()), '5')
  assert.equal((await sim.run(network.fetch('http://server/', { method: 'POST', body: 'x'.repeat(1001) }))).status, 413)
  assert.equal((await sim.run(network.fetch('http://server/fail'))).status, 500)
  await assert.rejects(sim.run(network.fetch('http://server:81/')), { code: 'env/network' })
  await assert.rejects(sim.run(network.fetch('http://server/hang', { timeoutMs: 500 })), {
    facts: { url: 'http://server/hang', reason: 'timeout' },
  })
  const stream = await sim.run(network.fetch('http://server/numbers'))
  const pieces: string[] = []
  await sim.run(
    (async () => {
      for await (const piece of stream.body) {
        pieces.push(new TextDecoder().decode(piece))
        if (pieces.length === 10) break
      }
      await client.clock.sleep(1000)
    })(),
  )
  assert.equal(pieces.join(''), '0 1 2 3 4 5 6 7 8 9 ')
  assert.ok(sim.logLines().some((line) => line.includes('stream ended')))
  const socket = await sim.run(network.connect('ws://server/'))
  for (let at = 0; at < 20; at++) socket.send(`${at}`)
  const echoes: string[] = []
  await sim.run(
    (async () => {
      for await (const message of socket.messages) {
        echoes.push(message)
        if (echoes.length === 20) break
      }
    })(),
  )
  assert.deepEqual(
    echoes,
    Array.from({ length: 20 }, (_, at) => `echo ${at}`),
  )
})

test('a partition holds messages until it heals, or until the client gives up', async () => {
  const { sim, client } = await twoHosts()
  sim.partition(['server'], ['client'])
  await assert.rejects(sim.run(client.network.fetch('http://server/', { timeoutMs: 1000 })), { code: 'env/network' })
  const waiting = client.network.fetch('http://server/').then((answer) => answer.text())
  await sim.advance(10_000)
  sim.heal()
  assert.equal(await sim.run(waiting), '0')
  assert.ok(sim.faultsFired()['message held by partition']! >= 1)
})

test('a crash breaks its connections and refuses new ones until the restart', async () => {
  const { sim, client } = await twoHosts()
  const hanging = client.network.fetch('http://server/hang')
  await sim.advance(100)
  sim.crash('server')
  await assert.rejects(sim.run(hanging), { facts: { url: 'http://server/hang', reason: 'ECONNRESET' } })
  await assert.rejects(sim.run(client.network.fetch('http://server/')), {
    facts: { url: 'http://server/', reason: 'ECONNREFUSED' },
  })
  await sim.run(serveNumbers(sim.boot('server')))
  assert.equal(await sim.run(client.network.fetch('http://server/').then((answer) => answer.text())), '0')
  assert.equal(sim.faultsFired()['connection broken by crash'], 1)
})

test('resets break connections, and are counted', async () => {
  const { sim, client } = await twoHosts({ resetChance: 0.3 })
  let failures = 0
  for (let at = 0; at < 30; at++) {
    await sim.run(client.network.fetch('http://server/').then((answer) => answer.text())).catch(() => failures++)
  }
  assert.equal(failures, sim.faultsFired()['connection reset'])
  assert.ok(failures > 5 && failures < 30)
})

test('a slow host takes longer, a lying one changes what it answers, both are counted, and others are well', async () => {
  const { sim, client } = await twoHosts()
  const ask = async (): Promise<[text: string, tookMs: number]> => {
    const startMs = sim.nowMs()
    const text = await sim.run(client.network.fetch('http://server/').then((answer) => answer.text()))
    return [text, sim.nowMs() - startMs]
  }
  sim.hostFaults('server').extraMs = 500
  assert.ok((await ask())[1] >= 1_000)
  sim.hostFaults('server').extraMs = 0
  assert.ok((await ask())[1] < 100)
  sim.hostFaults('server').lieChance = 1
  assert.notEqual((await ask())[0], '0')
  sim.hostFaults('server').lieChance = 0
  assert.equal((await ask())[0], '0')
  const fired = sim.faultsFired()
  assert.ok(fired['message slow']! > 1)
  assert.equal(fired['answer changed'], 1)
  sim.fire('bit rotten')
  assert.equal(sim.faultsFired()['bit rotten'], 1)
})

test('tasks run in line, with the modules of the real ones', async () => {
  const sim = createSim({ seed: 1 })
  const { tasks } = sim.boot('a')
  const sumBytes = new URL('../node/testing/sumBytes.ts', import.meta.url)
  assert.deepEqual(await sim.run(tasks.run(sumBytes, { bytes: Uint8Array.of(1, 2) })), { sum: 3 })
  await assert.rejects(sim.run(tasks.run(sumBytes, { bytes: new Uint8Array(0), fail: 'throw' })), {
    code: 'env/task-failed',
  })
  const collect = async (steps: number[]): Promise<unknown[]> => {
    const port = tasks.open(new URL('../node/testing/countUp.ts', import.meta.url), 10)
    for (const step of steps) port.send(step)
    const seen: unknown[] = []
    for await (const message of port.messages) seen.push(message)
    return seen
  }
  assert.deepEqual(await sim.run(collect([1, 2, 0])), [11, 13])
  await assert.rejects(sim.run(collect([1, -1])), { code: 'env/task-failed' })
})
