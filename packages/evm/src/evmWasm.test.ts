/** The checked-in module is the one its pins name, built from the Rust sources beside it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { evmSourceSha256, evmWasmBase64, evmWasmSha256 } from './evmWasm.generated.ts'

const crate = join(import.meta.dirname, '..', 'crate')

test('the module has the pinned hash', () => {
  const wasm = Buffer.from(evmWasmBase64, 'base64')
  assert.equal(createHash('sha256').update(wasm).digest('hex'), evmWasmSha256)
})

test('the module was built from these sources', () => {
  const hash = createHash('sha256')
  const sources = readdirSync(join(crate, 'src')).map((name) => `src/${name}`)
  for (const name of ['Cargo.lock', 'Cargo.toml', 'rust-toolchain.toml', ...sources.sort()]) {
    hash.update(`${name}\n`).update(readFileSync(join(crate, name)))
  }
  assert.equal(hash.digest('hex'), evmSourceSha256, 'run packages/evm/scripts/build.ts')
})

test('the module asks the host for nothing but nodes', () => {
  const module = new WebAssembly.Module(Buffer.from(evmWasmBase64, 'base64'))
  assert.deepEqual(WebAssembly.Module.imports(module), [{ module: 'host', name: 'read_node', kind: 'function' }])
})
