import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { type Abi, type AbiParameter, parseAbiItem } from 'viem'
import { formatAbiItem } from 'viem/utils'
import { fineTuningServingUpstreamAbi } from './abi/fineTuningServingUpstream.generated.ts'
import { inferenceServingUpstreamAbi } from './abi/inferenceServingUpstream.generated.ts'
import { ledgerManagerUpstreamAbi } from './abi/ledgerManagerUpstream.generated.ts'
import { abis } from './abis.ts'

type Vectors = { [contract: string]: string[] }
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/contracts/computeAbi.json', import.meta.url), 'utf8'),
)
const contracts: { [name: string]: Abi[] } = {
  ledgerManager: [abis.ledgerManager, ledgerManagerUpstreamAbi],
  inferenceServing: [abis.inferenceServing, inferenceServingUpstreamAbi],
  fineTuningServing: [abis.fineTuningServing, fineTuningServingUpstreamAbi],
}

/** Types with names, as an encoder that takes objects needs them. */
function shape(parameters: readonly AbiParameter[]): string {
  return parameters
    .map((one) => `${one.type}${'components' in one ? `(${shape(one.components)})` : ''} ${one.name ?? ''}`)
    .join(',')
}

/** Everything about an item that a client can depend on; pure and view are one to it. */
function describeItem(item: Abi[number]): string {
  const { type } = item
  const name = 'name' in item ? item.name : ''
  const inputs = 'inputs' in item ? shape(item.inputs) : ''
  if (item.type === 'event') {
    const indexed = item.inputs.map((input) => (input.indexed === true ? 'i' : '-')).join('')
    return `${type} ${name}(${inputs}) ${indexed}`
  }
  if (item.type !== 'function') return `${type} ${name}(${inputs})`
  const mutability = item.stateMutability === 'pure' ? 'view' : item.stateMutability
  // output names differ only where the reference leaves them out
  return `${type} ${formatAbiItem(item)} ${mutability} ${item.outputs.map(({ type }) => type).join(',')}`
}

describe('ABI of the published compute contracts', () => {
  for (const [name, presets] of Object.entries(contracts)) {
    it(`is all there in ${name}, under both presets`, () => {
      const wanted = vectors[name]!.map((text) => parseAbiItem(text as 'function f()') as Abi[number])
      assert.ok(wanted.length > 50)
      for (const abi of presets) {
        const ours = new Set(abi.map(describeItem))
        const missing = wanted.map(describeItem).filter((one) => !ours.has(one))
        assert.deepEqual(missing, [])
      }
    })
  }

  it('would notice a changed event', () => {
    const changed = parseAbiItem('event Initialized(uint64 version)')
    assert.ok(!new Set(abis.ledgerManager.map(describeItem)).has(describeItem(changed)))
  })
})
