/** Private files: the same file of the same account is the same, another key is told apart, and who will not sign has none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toBlobSource } from '@weightless/blobs'
import { textToBytes } from '@weightless/codec'
import { genesis } from '@weightless/contracts'
import { mnemonicToAccount } from 'viem/accounts'
import {
  createFileKeys,
  isKeyOf,
  isPrivateTag,
  PrivateKeyRefusedError,
  SignerMissingError,
  sealFile,
} from './privateFiles.ts'

const owner = mnemonicToAccount(genesis.mnemonic, { addressIndex: 2 })
const stranger = mnemonicToAccount(genesis.mnemonic, { addressIndex: 3 })
const keyOf = (account: typeof owner) => createFileKeys(account).key()
const letter = textToBytes('Dear diary, '.repeat(40_000))
const readAll = async (seal: Awaited<ReturnType<typeof sealFile>>) => seal.source.read(0, seal.source.sizeBytes)

test('sealing is deterministic in account and content, so that an upload can go on anywhere', async () => {
  const seal = async (account: typeof owner, bytes: Uint8Array) => sealFile(toBlobSource(bytes), await keyOf(account))
  const [first, again, other] = await Promise.all([seal(owner, letter), seal(owner, letter), seal(stranger, letter)])
  assert.deepEqual(await readAll(first), await readAll(again))
  assert.equal(first.tags, again.tags)
  assert.equal(first.source.sizeBytes, letter.length + 17)
  assert.notDeepEqual(await readAll(first), await readAll(other))
  const changed = letter.slice()
  changed[changed.length - 1]! ^= 1
  const [nonce, nonceOfChanged] = await Promise.all(
    [first, await seal(owner, changed)].map(async (each) => (await each.source.read(1, 16)).toString()),
  )
  assert.notEqual(nonce, nonceOfChanged, 'one nonce would serve two contents')
})

test('the tags know the right key from any other, and other tags mark nothing', async () => {
  const key = await keyOf(owner)
  const { tags, source } = await sealFile(toBlobSource(letter), key)
  const nonce = await source.read(1, 16)
  assert.ok(isPrivateTag(tags) && isKeyOf(tags, key, nonce))
  assert.ok(!isKeyOf(tags, await keyOf(stranger), nonce))
  assert.ok(
    !isKeyOf(
      tags,
      key,
      nonce.map((byte) => byte ^ 1),
    ),
  )
  const flipped = `0x${tags.slice(2, -1)}${tags.endsWith('0') ? '1' : '0'}` as const
  assert.ok(!isKeyOf(flipped, key, nonce))
  for (const none of ['0x', tags.slice(0, -2), `${tags}00`, `0x00${tags.slice(4)}`] as `0x${string}`[]) {
    assert.ok(!isPrivateTag(none), none)
    assert.ok(!isKeyOf(none, key, nonce), none)
  }
})

test('a wallet that refuses is asked again the next time; one that signs is asked once', async () => {
  let asked = 0
  let isWilling = false
  const request = async ({ method, params }: { method: string; params?: unknown }) => {
    assert.equal(method, 'personal_sign')
    asked++
    if (!isWilling) throw Object.assign(new Error('User rejected the request.'), { code: 4001 })
    const [message] = params as [`0x${string}`]
    return owner.signMessage({ message: { raw: message } })
  }
  const keys = createFileKeys({ address: owner.address, provider: { request } } as never)
  await assert.rejects(keys.key(), PrivateKeyRefusedError)
  isWilling = true
  const [key] = await Promise.all([keys.key(), keys.key()])
  assert.equal(asked, 2)
  assert.deepEqual(key, await keyOf(owner), 'the wallet and the bare key of one account open the same files')
  await assert.rejects(createFileKeys(undefined).key(), SignerMissingError)
})
