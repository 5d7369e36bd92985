/** Published vectors (RFC 9180 A.2.1, and the binding's of the existing protocol), and everything that must not open. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { bytesToHex, hexToBytes, textToBytes } from '@weightless/codec'
import fc from 'fast-check'
import { bindingHash, createStreamBinder, envelopeHash, signedText } from './binding.ts'
import { EnvelopeInvalidError, type JsonObject } from './envelope.ts'
import { envelopeKeyFrom } from './envelopeKey.ts'
import { openRequest } from './openRequest.ts'
import { createReplySealer } from './sealReply.ts'
import { sealRequest } from './sealRequest.ts'
import { deriveKeyPair, setUpRecipient, setUpSender } from './suite.ts'

const hex = (digits: string) => hexToBytes(`0x${digits}`)
const signer = `0x${'ab'.repeat(20)}` as const
const random = (length: number) => new Uint8Array(randomBytes(length))
const request = { model: 'm', stream: false, messages: [{ role: 'user', content: 'grüß dich 🙂' }], seed: 7 }

test('HPKE is that of RFC 9180, A.2.1', async () => {
  const info = hex('4f6465206f6e2061204772656369616e2055726e')
  const recipient = await deriveKeyPair(hex('1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df'))
  assert.equal(bytesToHex(recipient.publicKey), '0x4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a')
  const seed = hex('909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b')
  const sender = await setUpSender(recipient.publicKey, info, seed)
  assert.equal(bytesToHex(sender.enc), '0x1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a')
  const plaintext = hex('4265617574792069732074727574682c20747275746820626561757479')
  const sealed = [
    '1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28',
    '6b53c051e4199c518de79594e1c4ab18b96f081549d45ce015be002090bb119e85285337cc95ba5f59992dc98c',
  ]
  const opener = await setUpRecipient(recipient.privateKey, sender.enc, info)
  for (const [index, expected] of sealed.entries()) {
    const aad = textToBytes(`Count-${index}`)
    const ciphertext = await sender.seal(plaintext, aad)
    assert.equal(bytesToHex(ciphertext), `0x${expected}`)
    assert.deepEqual(await opener.open(ciphertext, aad), plaintext)
  }
})

test('the signed texts are those of the existing protocol', () => {
  const asked = JSON.parse(
    '{"model":"gpt-4o","_e2ee":{"v":1,"kem_id":"X25519","key_id":"AAAAAAAAAAA","client_eph_pub":"Y2xpZW50ZXBo","enc":"ZW5jYXBz","sealed_fields":["messages"],"ciphertext":"AAECAwQF"}}',
  )
  const said = JSON.parse(
    '{"model":"gpt-4o","usage":{"total_tokens":3},"_e2ee":{"v":1,"enc":"cmVzcGVuYw","sealed_fields":["choices"],"unbound_fields":["model","x_0g_trace"],"final":true,"ciphertext":"BgcICQoL"}}',
  )
  const frames = [
    '{"model":"gpt-4o","_e2ee":{"v":1,"enc":"cmVzcGVuYw","sealed_fields":["choices"],"unbound_fields":["model","x_0g_trace"],"final":false,"ciphertext":"DA0ODxAR"}}',
    '{"model":"gpt-4o","_e2ee":{"sealed_fields":["choices"],"unbound_fields":["model","x_0g_trace"],"final":true,"ciphertext":"EhMUFRYX"}}',
  ].map((text) => JSON.parse(text) as JsonObject)
  const requestHash = '7142bf93edca74323dd450689f4e087fea152d0b811ed5c89ad3c7668f349b8e'
  assert.equal(
    bytesToHex(bindingHash(textToBytes('kat-aad'), textToBytes('kat-ct'))),
    '0xcd267304498951f9045bd85577a28b1c15f1a1c287987fdcedd81a62e8f507fc',
  )
  assert.equal(bytesToHex(envelopeHash(asked)), `0x${requestHash}`)
  assert.equal(
    signedText(envelopeHash(asked), said),
    `zg-sig-v1/e2ee-ct:${requestHash}:b45f993cafa582df20c1ebb03ce421cccd00f54aa2664ac6658a98f26ec55ff7`,
  )
  const binder = createStreamBinder(envelopeHash(asked))
  for (const frame of frames) binder.add(frame)
  assert.equal(
    binder.text(),
    `zg-sig-v1/e2ee-ct-stream:${requestHash}:4f41983a49ff197ec60de80a892ba9322f8e41051b4813a9edd817ac7ed8ea85`,
  )
})

test('a request and its reply come back as they were, and nothing of them is in the clear', async () => {
  const key = await envelopeKeyFrom(random(32))
  const { envelope, reply } = await sealRequest(request, { recipient: key.publicKey, signer, drawBytes: random })
  assert.ok(!JSON.stringify(envelope).includes('dich'))
  assert.equal(envelope.model, 'm')
  const opened = await openRequest(JSON.parse(JSON.stringify(envelope)), key, signer)
  assert.deepEqual(opened.request, request)
  const sealer = await createReplySealer(opened.clientPublicKey)
  const frames = [{ choices: [{ delta: { content: 'secret' } }] }, { usage: { total_tokens: 3 } }]
  for (const [index, frame] of frames.entries()) {
    const sealed = await sealer.seal(frame, index === 1)
    assert.ok(!JSON.stringify(sealed).includes('secret'))
    assert.equal(reply.isWhole(), false)
    const back = await reply.open(JSON.parse(JSON.stringify(sealed)))
    assert.deepEqual(back.usage, (frame as JsonObject).usage)
    if (index === 0) assert.deepEqual(back, frame)
  }
  assert.equal(reply.isWhole(), true)
})

test('whatever is changed on the way does not open', async () => {
  const key = await envelopeKeyFrom(random(32))
  const { envelope } = await sealRequest(
    { ...request, user: 'u' },
    {
      recipient: key.publicKey,
      signer,
      unboundFields: ['model'],
      drawBytes: random,
    },
  )
  const open = (changed: unknown) => openRequest(changed as JsonObject, key, signer)
  const meta = envelope._e2ee
  const changes: JsonObject[] = [
    { ...envelope, seed: 8 },
    { ...envelope, added: true },
    { ...envelope, _e2ee: { ...meta, unbound_fields: ['model', 'seed'] } },
    { ...envelope, _e2ee: { ...meta, unbound_fields: 'model' } },
    { ...envelope, _e2ee: { ...meta, sealed_fields: ['messages', 'tools'] } },
    { ...envelope, _e2ee: { ...meta, sealed_fields: [] } },
    { ...envelope, _e2ee: { ...meta, v: 2 } },
    { ...envelope, _e2ee: { ...meta, enc: 'AAAA' } },
    { ...envelope, _e2ee: { ...meta, key_id: 'AAAAAAAAAAA' } },
    { ...envelope, _e2ee: { ...meta, signer_addr: `0x${'cd'.repeat(20)}` } },
    { ...envelope, _e2ee: { ...meta, ciphertext: '***' } },
    { ...envelope, messages: [] },
    { model: 'm' },
    { _e2ee: 'x' },
  ]
  for (const changed of changes) await assert.rejects(open(changed), EnvelopeInvalidError)
  // What its sender left unbound may change.
  assert.equal((await open({ ...envelope, model: 'other' })).request.model, 'other')
  await assert.rejects(openRequest(envelope, await envelopeKeyFrom(random(32)), signer), EnvelopeInvalidError)
})

test('no flipped bit of the ciphertext passes', async () => {
  const key = await envelopeKeyFrom(random(32))
  const { envelope } = await sealRequest(request, { recipient: key.publicKey, signer, drawBytes: random })
  const text = envelope._e2ee.ciphertext as string
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 2), async (at) => {
      const other = text[at] === 'A' ? 'B' : 'A'
      const changed = {
        ...envelope,
        _e2ee: { ...envelope._e2ee, ciphertext: text.slice(0, at) + other + text.slice(at + 1) },
      }
      await assert.rejects(openRequest(changed, key, signer), EnvelopeInvalidError)
    }),
    { numRuns: 25 },
  )
})

test('frames that are lost, swapped, repeated or after the end do not open, and a cut reply is not whole', async () => {
  const key = await envelopeKeyFrom(random(32))
  const open = async () => {
    const { envelope, reply } = await sealRequest(request, { recipient: key.publicKey, signer, drawBytes: random })
    const { clientPublicKey } = await openRequest(envelope, key, signer)
    const sealer = await createReplySealer(clientPublicKey)
    const frames = [
      await sealer.seal({ choices: [1] }, false),
      await sealer.seal({ choices: [2] }, false),
      await sealer.seal({ choices: [3] }, true),
    ]
    return { frames, reply }
  }
  for (const order of [[1], [0, 2], [0, 0], [0, 1, 2, 2]]) {
    const { frames, reply } = await open()
    const last = order.pop()!
    for (const index of order) await reply.open(frames[index]!)
    await assert.rejects(reply.open(frames[last]!), EnvelopeInvalidError)
    assert.equal(reply.isWhole(), false)
  }
  const { frames, reply } = await open()
  await reply.open(frames[0]!)
  assert.equal(reply.isWhole(), false)
  await assert.rejects(reply.open({ ...frames[1]!, _e2ee: { ...frames[1]!._e2ee, final: true } }), EnvelopeInvalidError)
  await assert.rejects(sealRequest({ model: 'm' }, { recipient: key.publicKey, signer, drawBytes: random }))
})
