/** The native and the WebAssembly curve sign and recover alike. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexToBytes } from '@weightless/codec'
import { keccak256, type RecoverableSignature, secp256k1Engine } from '@weightless/crypto'
import { loadNativeSecp256k1, loadWasmSecp256k1 } from './installSecp256k1.ts'

const key = hexToBytes('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')

test('both engines give the same bytes, and nothing from nonsense', async (t) => {
  const wasm = await loadWasmSecp256k1()
  const native = await loadNativeSecp256k1().catch(() => undefined)
  assert.equal(secp256k1Engine(), native ? 'native' : 'wasm')
  if (!native) return t.skip('no prebuilt addon for this platform')
  for (let seed = 1; seed < 20; seed++) {
    const hash = keccak256(new Uint8Array([seed]))
    const signed: RecoverableSignature = native.sign(hash, key)
    assert.deepEqual(wasm.sign(hash, key), signed)
    const publicKey: Uint8Array = Uint8Array.from(native.recover(hash, signed.signature, signed.recoveryId)!)
    assert.deepEqual(wasm.recover(hash, signed.signature, signed.recoveryId), publicKey)
    assert.deepEqual(Uint8Array.from(native.publicKey(key)!), publicKey)
  }
  for (const engine of [native, wasm]) {
    assert.equal(engine.recover(new Uint8Array(32), new Uint8Array(64), 0), undefined)
    assert.equal(engine.recover(new Uint8Array(32), new Uint8Array(64).fill(255), 1), undefined)
    assert.equal(engine.publicKey(new Uint8Array(32)), undefined)
  }
})
