/** Fields of the JSON documents that Intel signs. */
import { hexToBytes } from '@weightless/codec'
import { z } from 'zod'

/** Hex without prefix, of exactly `length` bytes. */
export function hexField(length: number): z.ZodType<Uint8Array, string> {
  return z
    .string()
    .length(2 * length)
    .regex(/^[0-9a-fA-F]*$/)
    .transform((text) => hexToBytes(text))
}
