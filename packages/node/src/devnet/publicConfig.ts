/** What the console is told at `/config.json`: `devnet.json` as it stands, and how far the model is on its way. */

import type { DevnetFile } from '../devnetFile.ts'
import type { DevnetEvent } from '../devnetOptions.ts'
import { smolLm2 } from '../weights/modelSources.ts'

export type WeightsState = {
  model: string
  stage: 'fetching' | 'storing' | 'opening' | 'open' | 'missing'
  doneBytes: number
  totalBytes: number
  reason?: string
}

export type ConfigState = { onEvent(event: DevnetEvent): void; describe(file: DevnetFile): object }

/** @param withKeys - only on loopback: the test accounts' keys, so that the console can sign for its user */
export function createConfigState({ withKeys }: { withKeys: boolean }): ConfigState {
  let weights: WeightsState = { model: smolLm2.id, stage: 'fetching', doneBytes: 0, totalBytes: smolLm2.sizeBytes }
  return {
    onEvent(event) {
      weights = nextWeights(weights, event)
    },
    describe(file) {
      const accounts = withKeys ? file.chain.accounts : []
      const compute = withKeys
        ? file.compute
        : { gatewayUrl: file.compute.gatewayUrl, providers: file.compute.providers }
      return { ...file, chain: { ...file.chain, accounts }, compute, weights }
    },
  }
}

function nextWeights(state: WeightsState, event: DevnetEvent): WeightsState {
  switch (event.type) {
    case 'weights':
      return { model: event.model, stage: 'fetching', doneBytes: event.doneBytes, totalBytes: event.totalBytes }
    case 'weights-ready':
      return { model: event.model, stage: 'storing', doneBytes: event.sizeBytes, totalBytes: event.sizeBytes }
    case 'weights-missing':
      return event.fallback
        ? { ...state, model: event.fallback, stage: 'storing' }
        : { ...state, stage: 'missing', reason: event.reason }
    case 'weights-stored':
      return { ...state, model: event.model, stage: 'opening' }
    case 'model-open':
      return { ...state, model: event.model, stage: 'open' }
    default:
      return state
  }
}
