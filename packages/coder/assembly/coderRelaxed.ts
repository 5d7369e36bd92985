// asc: --enable relaxed-simd
/** The coder with `i8x16.relaxed_swizzle`: all indices are below 16, where both kinds give the same. */
export * from './coder/transform'
export * from './coder/combine'
