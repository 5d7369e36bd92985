/** The coder for any WebAssembly with SIMD; `coderRelaxed.ts` is the same with relaxed swizzles. */
export * from './coder/transform'
export * from './coder/combine'
