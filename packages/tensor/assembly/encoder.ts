// Kernels that only encoders need, on the memory of the engine's own. Semantics: spec/tensor.md §10.
export { addBias, biasGelu, layerNorm } from './encoder/rows'
export { attendWhole } from './encoder/attention'
