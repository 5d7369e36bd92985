// The engine's kernels as one module on an imported memory; no static data, no allocation. Semantics: spec/tensor.md.
export { packBlocks, packFloat } from './engine/pack'
export { addInto, embedRow, hasNonFinite, quantise, rmsNorm, rotate, sampleWeights, siluMultiply } from './engine/elementwise'
export { matmulFloat, matvec } from './engine/matvec'
export { matmulQuantised } from './engine/matmul'
export { attend, storeKeys } from './engine/attention'
export { gemmColumns, gemmRows, gradientOuter } from './train/gemm'
export { adamW, addPlaces, addScaled, crossEntropy, foldSquares, gateBack, gateForward, normWeightBack, rmsNormBack, scaleValues } from './train/rows'
export { attendRow, attendRowBack, sumHeads } from './train/attention'
