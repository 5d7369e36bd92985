/** The matrices that a LoRA adapter may change, by the name that PEFT, the GGUF file and the loaded weights give them. */
import type { Graph } from '../model/describeGraph.ts'
import type { LayerWeights } from '../model/weights.ts'

/** In the order of a layer's computation, which is the order of everything that lists targets. */
export const adapterTargets = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const
export type AdapterTarget = (typeof adapterTargets)[number]

export type MatrixField = Exclude<keyof LayerWeights, 'attentionNorm' | 'ffnNorm' | 'vectors'>

const names: Record<AdapterTarget, { field: MatrixField; peft: string }> = {
  q: { field: 'query', peft: 'self_attn.q_proj' },
  k: { field: 'key', peft: 'self_attn.k_proj' },
  v: { field: 'value', peft: 'self_attn.v_proj' },
  o: { field: 'attentionOutput', peft: 'self_attn.o_proj' },
  gate: { field: 'gate', peft: 'mlp.gate_proj' },
  up: { field: 'up', peft: 'mlp.up_proj' },
  down: { field: 'down', peft: 'mlp.down_proj' },
}

export function fieldOf(target: AdapterTarget): MatrixField {
  return names[target].field
}

/** Names of the matrices in the GGUF file, without layer and ending. */
export const matrixNames: Record<AdapterTarget, string> = {
  q: 'attn_q',
  k: 'attn_k',
  v: 'attn_v',
  o: 'attn_output',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
}

/** PEFT's name of a module, as in its list of target modules: `q_proj`. */
export function moduleName(target: AdapterTarget): string {
  return names[target].peft.split('.')[1]!
}

/** PEFT's name of a tensor. */
export function tensorName(layer: number, target: AdapterTarget, part: 'A' | 'B'): string {
  return `base_model.model.model.layers.${layer}.${names[target].peft}.lora_${part}.weight`
}

/** Columns (inputs) and rows (outputs) of a target. */
export function targetShape(graph: Graph, target: AdapterTarget): { columns: number; rows: number } {
  const queryWidth = graph.headCount * graph.headSize
  const keyWidth = graph.keyHeadCount * graph.headSize
  switch (target) {
    case 'q':
      return { columns: graph.width, rows: queryWidth }
    case 'k':
    case 'v':
      return { columns: graph.width, rows: keyWidth }
    case 'o':
      return { columns: queryWidth, rows: graph.width }
    case 'gate':
    case 'up':
      return { columns: graph.width, rows: graph.hiddenWidth }
    case 'down':
      return { columns: graph.hiddenWidth, rows: graph.width }
  }
}

/**
 * Row of the GGUF matrix for row `row` of the published one: conversion puts the two halves of each head of queries and keys
 * side by side in pairs, because the rotation here turns adjacent values.
 */
export function ggufRow(graph: Graph, target: AdapterTarget, row: number): number {
  if (target !== 'q' && target !== 'k') return row
  const half = graph.headSize / 2
  const head = Math.floor(row / graph.headSize)
  const inHead = row % graph.headSize
  return head * graph.headSize + (inHead % half) * 2 + Math.floor(inHead / half)
}
