// asc: --enable threads --sharedMemory --maximumMemory 65536
// The same kernels on a memory that several threads share; see src/crew/.
export * from './engine'
