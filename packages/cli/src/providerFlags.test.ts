/** Every mistake in the words of `weightless provider …` is named before anything is opened. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Command } from 'commander'
import { createProgram } from './program.ts'
import { describeFailure } from './reportFailure.ts'

const folder = mkdtempSync(join(tmpdir(), 'weightless-flags-'))

/** What the program throws, as its user reads it. */
async function faultOf(...words: string[]): Promise<string> {
  const program = createProgram()
  for (const command of allOf(program)) command.exitOverride().configureOutput({ writeErr: () => undefined })
  try {
    await program.parseAsync(['--data-dir', folder, 'provider', ...words], { from: 'user' })
    return 'nothing'
  } catch (fault) {
    const { code, message } = describeFailure(fault)
    return `${code} ${message}`
  }
}

const allOf = (command: Command): Command[] => [command, ...command.commands.flatMap(allOf)]

describe('the flags of a provider', () => {
  after(() => rmSync(folder, { recursive: true, force: true }))

  const model = ['--model', 'm']
  const price = ['--price', '0.1/0.4']
  const upstream = ['--upstream', 'http://127.0.0.1:1']

  test('what is missing, double or malformed', async () => {
    const start = (...words: string[]) => faultOf('start', ...words)
    assert.match(await start(...model, ...price), /cli\/provider-source .*--upstream, --weights and --gguf/)
    assert.match(await start(...model, ...price, ...upstream, '--weights', 'x'), /cli\/provider-source/)
    assert.match(await start(...model, ...price, ...upstream, '--gguf', 'x'), /cli\/provider-source/)
    assert.match(await start(...model, ...price, ...upstream, '--engine', 'llama'), /cli\/local-model/)
    assert.match(await start(...price, ...upstream), /required option '--model/)
    assert.match(await start(...model, ...upstream), /required option '--price/)
    for (const bad of ['1', '1/', '-1/2', '1/2/3', '1e3/2', '0.1234567890123/1']) {
      assert.match(await start(...model, ...upstream, '--price', bad), /two prices|argument missing/, bad)
    }
    for (const bad of ['localhost:8000', 'ftp://a', 'http://u:p@a', 'http://a?b']) {
      assert.match(await start(...model, ...price, '--upstream', bad), /an address such as/, bad)
    }
    assert.match(await start(...model, ...price, ...upstream, '--public-url', 'http://a/b'), /no path/)
    assert.match(await start(...model, ...price, ...upstream, '--services', 'chat,video'), /some of chat,/)
    assert.match(await start(...model, ...price, ...upstream, '--region', 'x'.repeat(17)), /1 to 16 bytes/)
    assert.match(await start('--model', 'a b', ...price, ...upstream), /visible ASCII/)
    assert.match(await start(...model, ...price, ...upstream, '--port', '65536'), /0 to 65535/)
    assert.match(await start(...model, ...price, ...upstream, '--log', 'loud'), /Allowed choices/)
    assert.match(await faultOf('drain', '--deadline-seconds', '60x'), /whole number/)
  })

  test('a network file that is missing, damaged or of something else is named', async () => {
    const file = join(folder, 'network.json')
    const start = () => faultOf('start', ...model, ...price, ...upstream, '--network', file)
    assert.match(await start(), /cli\/network-incomplete .*network\.json/)
    for (const text of ['{', '{}', 'null', '{"chain":{"rpcUrl":"http://a","chainId":1}}']) {
      writeFileSync(file, text)
      assert.match(await start(), /cli\/network-incomplete/, text)
    }
  })

  test('without a provider there is nothing to ask and nothing to drain', async () => {
    assert.match(await faultOf('status'), /cli\/provider-unknown/)
    assert.match(await faultOf('drain'), /cli\/provider-unknown/)
  })
})
