/** A vector as it goes over the wire: f32, little-endian, whatever the machine. */
export function vectorBytes(vector: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(vector.length * 4))
  vector.forEach((value, i) => {
    view.setFloat32(i * 4, value, true)
  })
  return new Uint8Array(view.buffer)
}
