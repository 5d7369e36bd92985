/** What a key of a GGUF file may hold. */
export type GgufValue = string | number | boolean | bigint | GgufArray

/** Numbers come as a typed list, texts as strings; GGUF arrays of arrays are refused. */
export type GgufArray = readonly string[] | Float64Array
