/** Names a model together with an adapter, as receipts do: the storage root of a small text with both roots. Spec: spec/training.md §7. */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'

/** The canonical JSON that an adapted model's root is the storage root of. */
export function adaptedModelText(baseRoot: Hex, adapterRoot: Hex): string {
  return JSON.stringify({ adapter: adapterRoot, base: baseRoot })
}

/** @param baseRoot - storage root of the GGUF file, lower case; `adapterRoot` that of the safetensors file */
export function adaptedModelRoot(baseRoot: Hex, adapterRoot: Hex): Hex {
  return bytesToHex(fileRoot(textToBytes(adaptedModelText(baseRoot, adapterRoot))))
}
