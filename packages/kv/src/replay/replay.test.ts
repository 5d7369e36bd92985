/** What becomes of transactions: roles, conflicts, uploads that never come, blocks that are taken back. In the simulator. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToText, concatBytes, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { aesCtr, encodeEncryptionHeader, encryptionPublicKey, sharedFileKey } from '@weightless/crypto'
import { createSim, type Sim } from '@weightless/env/sim'
import { openReplica, type Replica } from '../replica.ts'
import { createScriptedLog, type ScriptedLog, submitTransaction } from '../testing/scriptedLog.ts'
import { type Control, type ControlKind, encodeTransaction } from '../wire/index.ts'
import type { ContentKeys } from './decryptContent.ts'

const address = (digit: string): Hex => `0x${digit.repeat(40)}`
const [alice, bob, carol] = [address('a'), address('b'), address('c')]
const streams = Array.from({ length: 4 }, (_, at) => hexToBytes(`0x${String(at + 1).padStart(64, '0')}`))
const [one, two, three] = streams as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
const newest = 2n ** 64n - 1n

type World = {
  log: ScriptedLog
  replica: Replica
  sim: Sim
  result(seq: number): Promise<string>
  restart(): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
}

async function withReplica(run: (world: World) => Promise<void>, keys: ContentKeys = {}): Promise<void> {
  const sim = createSim({ seed: 5 })
  const env = sim.boot('a')
  const log = createScriptedLog()
  const open = () =>
    openReplica({ env, disk: env.disk, folder: 'kv', source: log, content: log, streams: 'all', startBlock: 0, keys })
  await sim.run(
    (async () => {
      const world: World = {
        log,
        sim,
        replica: await open(),
        async result(seq) {
          for (let i = 0; i < 4_000; i++) {
            const result = world.replica.result(seq)
            if (result !== undefined) return result
            await env.clock.sleep(50)
          }
          throw new Error(`transaction ${seq} was never decided`)
        },
        async restart() {
          await world.stop()
          await world.start()
        },
        stop: () => world.replica.close(),
        async start() {
          world.replica = await open()
        },
      }
      await run(world)
      await world.replica.close()
    })(),
  )
}

const write = (streamId: Uint8Array, key: string, value: string) => ({
  streamId,
  key: textToBytes(key),
  value: textToBytes(value),
})

function contentOf({ replica }: World, streamId: Uint8Array, key: string, version = newest): string | undefined {
  const found = replica.state.find(streamId, textToBytes(key), version)
  return found && found.ref.kind === 'inline' ? bytesToText(found.ref.bytes) : undefined
}

function control(kind: ControlKind, streamId: Uint8Array, more: { key?: string; account?: Hex } = {}): Control {
  return {
    kind,
    streamId,
    ...(more.key && { key: textToBytes(more.key) }),
    ...(more.account && { account: hexToBytes(more.account) }),
  }
}

test('the first sender owns a stream; versions stay; of two writes of a key the later counts', async () => {
  await withReplica(async (world) => {
    const { log, result } = world
    const first = submitTransaction(log, alice, {
      writes: [write(one, 'k', '1'), write(one, 'k', '2'), write(one, 'l', 'x')],
    })
    const second = submitTransaction(log, alice, { writes: [write(one, 'k', '3'), write(one, 'l', '')] })
    const foreign = submitTransaction(log, bob, { writes: [write(one, 'k', 'mine')] })
    assert.deepEqual([await result(first), await result(second)], ['Commit', 'Commit'])
    assert.equal(await result(foreign), 'SenderNoWritePermission')
    assert.equal(contentOf(world, one, 'k'), '3')
    assert.equal(contentOf(world, one, 'k', BigInt(first)), '2')
    const walk = [...world.replica.state.walk(one, { version: newest })].filter((found) => found !== undefined)
    assert.deepEqual(
      walk.map(({ key }) => bytesToText(key)),
      ['k'],
    )
    await world.restart()
    assert.equal(contentOf(world, one, 'k', 0n), '2')
    assert.equal(await result(foreign), 'SenderNoWritePermission')
  })
})

test('reads and writes of something newer than the version conflict, and nothing of the transaction stays', async () => {
  await withReplica(async (world) => {
    const { log, result } = world
    submitTransaction(log, alice, { writes: [write(one, 'k', '1')] })
    const seen = submitTransaction(log, alice, { writes: [write(one, 'k', '2')] })
    const reader = { writes: [write(one, 'other', 'x')], reads: [{ streamId: one, key: textToBytes('k') }] }
    const stale = submitTransaction(log, alice, { version: BigInt(seen) - 1n, ...reader })
    const fresh = submitTransaction(log, alice, { version: BigInt(seen), ...reader })
    const blind = submitTransaction(log, alice, { version: 0n, writes: [write(one, 'new', 'y'), write(one, 'k', 'z')] })
    assert.deepEqual(
      [await result(stale), await result(fresh), await result(blind)],
      ['VersionConfliction', 'Commit', 'VersionConfliction'],
    )
    assert.equal(contentOf(world, one, 'new'), undefined)
    assert.equal(world.replica.state.find(one, textToBytes('other'), newest)?.version, BigInt(fresh))
  })
})

test('roles are granted, limited, taken back and given up', async () => {
  await withReplica(async (world) => {
    const { log, result } = world
    const by = (sender: Hex, transaction: Parameters<typeof submitTransaction>[2]) =>
      result(submitTransaction(log, sender, transaction))
    const put = (sender: Hex, key: string) => by(sender, { writes: [write(one, key, sender)] })
    const set = (sender: Hex, ...controls: Control[]) => by(sender, { controls })
    assert.equal(await put(alice, 'a'), 'Commit')
    assert.equal(await set(alice, control('grantWriter', one, { account: bob })), 'Commit')
    assert.equal(await put(bob, 'b'), 'Commit')
    assert.equal(await set(bob, control('grantWriter', one, { account: carol })), 'Commit')
    assert.match(
      await set(carol, control('revokeWriter', one, { account: bob })),
      /^AccessControlPermissionDenied: operation: REVOKE_WRITER_ROLE/,
    )
    assert.equal(await set(alice, control('setKeyToSpecial', one, { key: 's' })), 'Commit')
    assert.match(await put(bob, 's'), /^WritePermissionDenied: stream: 0x0+1, key: 0x73$/)
    assert.equal(await set(alice, control('grantSpecialWriter', one, { key: 's', account: bob })), 'Commit')
    assert.equal(await put(bob, 's'), 'Commit')
    assert.equal(await set(alice, control('revokeWriter', one, { account: bob })), 'Commit')
    assert.match(await put(bob, 'b'), /^WritePermissionDenied/)
    assert.equal(await put(bob, 's'), 'Commit')
    assert.equal(await set(bob, control('renounceSpecialWriter', one, { key: 's' })), 'Commit')
    assert.equal(await put(bob, 's'), 'SenderNoWritePermission')
    // The first grant of an admin counts, a grant to oneself never: both keep their role.
    assert.equal(
      await set(alice, control('grantAdmin', one, { account: carol }), control('grantAdmin', one, { account: alice })),
      'Commit',
    )
    assert.equal(
      await set(carol, control('renounceAdmin', one), control('setKeyToNormal', one, { key: 's' })),
      'Commit',
    )
    assert.match(await set(carol, control('setKeyToSpecial', one, { key: 's' })), /SET_KEY_TO_SPECIAL/)
    assert.equal(await put(carol, 's'), 'Commit')
  })
})

test('tags name what is touched, sender comes from the chain, and a stream of nobody may be read into a conflict', async () => {
  await withReplica(async ({ log, result, replica }) => {
    const wrong = submitTransaction(
      log,
      alice,
      { writes: [write(two, 'k', 'v')] },
      { streamIds: [`0x${'0'.repeat(63)}1`] },
    )
    assert.equal(await result(wrong), 'TagsMismatch')
    assert.equal(replica.state.isNewStream(one, newest), true)
    const garbage = log.submit(textToBytes('short'), {
      sender: alice,
      streamIds: [`0x${'0'.repeat(63)}1`],
    })
    assert.equal(await result(garbage), 'DataParseError: Invalid stream data')
    const encrypted = new Uint8Array(200).fill(7)
    encrypted[0] = 1
    const hidden = log.submit(encrypted, { sender: alice, streamIds: [`0x${'0'.repeat(63)}1`] })
    assert.equal(await result(hidden), 'DataParseError: Encrypted stream data')
  })
})

test('an upload that never comes stops its own stream for a while, others not at all, and stays failed', async () => {
  await withReplica(async (world) => {
    const { log, result, replica } = world
    submitTransaction(log, alice, { writes: [write(one, 'k', '1')] })
    const lost = submitTransaction(log, alice, { writes: [write(one, 'k', 'lost')] }, { isHeldBack: true })
    const after = submitTransaction(log, alice, { writes: [write(one, 'k', '2')] })
    const stranger = submitTransaction(log, bob, { writes: [write(one, 'k', 'no')] }, { isHeldBack: true })
    const other = submitTransaction(log, bob, { writes: [write(two, 'k', '1')] })
    assert.equal(await result(other), 'Commit')
    assert.equal(replica.result(after), undefined)
    log.passSeconds(50)
    await world.sim.boot('clock').clock.sleep(70_000)
    assert.equal(replica.result(lost), undefined)
    log.passSeconds(20)
    assert.equal(await result(lost), 'DataUnavailable')
    assert.equal(await result(after), 'Commit')
    assert.equal(await result(stranger), 'SenderNoWritePermission')
    log.release(lost)
    await world.restart()
    assert.equal(await result(lost), 'DataUnavailable')
    assert.equal(contentOf(world, one, 'k'), '2')
  })
})

test('an upload that comes late, but in time, is decided in its place', async () => {
  await withReplica(async (world) => {
    const { log, result } = world
    const late = submitTransaction(log, alice, { writes: [write(one, 'k', 'late')] }, { isHeldBack: true })
    const next = submitTransaction(log, bob, { writes: [write(one, 'k', 'bob')] })
    const reader = submitTransaction(log, carol, {
      version: 0n,
      writes: [write(three, 'k', 'v')],
      reads: [{ streamId: one, key: textToBytes('k') }],
    })
    await world.sim.boot('clock').clock.sleep(20_000)
    assert.equal(world.replica.result(next), undefined)
    assert.equal(world.replica.result(reader), undefined)
    log.release(late)
    assert.deepEqual([await result(late), await result(next)], ['Commit', 'SenderNoWritePermission'])
    assert.equal(await result(reader), 'Commit')
    assert.equal(contentOf(world, one, 'k'), 'late')
  })
})

test('while the storage network is away nothing is decided against anybody', async () => {
  await withReplica(async (world) => {
    const { log, result } = world
    log.setFault('unreachable')
    const seq = submitTransaction(log, alice, { writes: [write(one, 'k', '1')] }, { isHeldBack: true })
    log.passSeconds(100_000)
    await world.sim.boot('clock').clock.sleep(300_000)
    assert.equal(world.replica.result(seq), undefined)
    log.setFault('broken')
    assert.equal(await result(seq), 'DownloadFailed')
  })
})

test('blocks taken back take their rows along, live and while the node was away', async () => {
  await withReplica(async (world) => {
    const { log, result } = world
    await result(submitTransaction(log, alice, { writes: [write(one, 'k', '1')] }))
    const digest = world.replica.head().digest
    const kept = log.block()
    await result(submitTransaction(log, alice, { writes: [write(one, 'k', '2'), write(one, 'l', '2')] }))
    await result(submitTransaction(log, bob, { writes: [write(two, 'k', '2')] }))
    log.takeBack(kept)
    while (world.replica.result(1) !== undefined) await world.sim.boot('clock').clock.sleep(10)
    const other = submitTransaction(log, carol, { writes: [write(two, 'k', 'c')] })
    assert.equal(await result(other), 'Commit')
    assert.deepEqual(
      [contentOf(world, one, 'k'), contentOf(world, one, 'l'), contentOf(world, two, 'k')],
      ['1', undefined, 'c'],
    )
    assert.equal(world.replica.state.isAdmin(hexToBytes(bob), two, newest), false)
    await world.stop()
    log.takeBack(kept, { isSilent: true })
    const instead = submitTransaction(log, bob, { writes: [write(two, 'k', 'b')] })
    await world.start()
    while (contentOf(world, two, 'k') !== 'b') await world.sim.boot('clock').clock.sleep(10)
    assert.equal(await result(instead), 'Commit')
    log.takeBack(kept)
    await world.sim.boot('clock').clock.sleep(2_000)
    assert.equal(world.replica.head().digest, digest)
  })
})

test('events twice, out of order and with holes end in the same state', async () => {
  await withReplica(async (world) => {
    const { log, result } = world
    for (let at = 0; at < 5; at++) submitTransaction(log, alice, { writes: [write(one, 'k', String(at))] })
    const [first, second, third] = log.submissions() as [never, never, never]
    log.give({ block: 3, final: false, submissions: [third, first] })
    log.give({ block: 2, final: false, submissions: [second, second] })
    const last = submitTransaction(log, alice, { writes: [write(one, 'k', 'last')] })
    assert.equal(await result(last), 'Commit')
    assert.equal(contentOf(world, one, 'k'), 'last')
    assert.equal(contentOf(world, one, 'k', 2n), '2')
  })
})

test('encrypted transactions open with the right key, of either kind, also values that stay in the log', async () => {
  const [sharedKey, secretKey, ephemeral] = [0x42, 1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const nonce = new Uint8Array(16).fill(0x13)
  const long = 'x'.repeat(10_000)
  await withReplica(
    async (world) => {
      const { log, result, replica } = world
      const seal = (key: Uint8Array, header: Uint8Array, name: string) => {
        const writes = [write(one, name, 'small'), write(one, `${name} long`, long)]
        const plain = encodeTransaction({ version: newest, reads: [], writes, controls: [] })
        return log.submit(concatBytes([header, aesCtr(key, nonce, 0, plain)]), {
          sender: alice,
          streamIds: [`0x${'0'.repeat(63)}1`],
        })
      }
      const first = seal(sharedKey, encodeEncryptionHeader(nonce), 'v1')
      const agreed = sharedFileKey(ephemeral, encryptionPublicKey(secretKey))
      const second = seal(agreed, encodeEncryptionHeader(nonce, encryptionPublicKey(ephemeral)), 'v2')
      const foreign = seal(ephemeral, encodeEncryptionHeader(nonce), 'other')
      assert.deepEqual([await result(first), await result(second)], ['Commit', 'Commit'])
      assert.match(await result(foreign), /^DataParseError/)
      assert.equal(contentOf(world, one, 'v2'), 'small')
      const { ref } = replica.state.find(one, textToBytes('v1 long'), newest)!
      assert.equal(ref.kind, 'log')
      const bytes = await replica.readValue(ref, 9_990, 100, new AbortController().signal)
      assert.equal(bytesToText(bytes), 'x'.repeat(10))
    },
    { sharedKey, secretKey },
  )
})
