/** The million keys and their values, alike for who writes and who reads. */

export const keysTotal = 1_000_000

export const streamName = `0x${'0'.repeat(63)}1` as const

export function keyName(index: number): string {
  return `user/${String((index * 7_919) % keysTotal).padStart(7, '0')}/profile`
}

/** 64 bytes. */
export function profileOf(index: number): string {
  return `value of ${keyName(index)}`.padEnd(64, '.')
}
