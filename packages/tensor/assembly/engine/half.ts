/** IEEE half to single, exact; infinities and NaN become infinities, which the caller refuses. */
// @ts-ignore: decorator
@inline
export function halfToFloat(half: u32): f32 {
  const magnitude = half & 0x7fff
  const sign = (half & 0x8000) << 16
  if (magnitude >= 0x7c00) return reinterpret<f32>(sign | 0x7f800000)
  return reinterpret<f32>(sign | reinterpret<u32>(reinterpret<f32>(magnitude << 13) * reinterpret<f32>(0x77800000)))
}

// @ts-ignore: decorator
@inline
export function isFinite32(value: f32): bool {
  return (reinterpret<u32>(value) & 0x7f800000) != 0x7f800000
}
