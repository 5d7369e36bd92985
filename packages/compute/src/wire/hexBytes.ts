/** Fields of disputes: bytes stand as hexadecimal text. */
import { hexToBytes } from '@weightless/codec'
import { hexOf } from '@weightless/receipt/bundle'
import { z } from 'zod'

export const u32 = z.int().min(0).max(0xffff_ffff)

/** Lower case. @param max - bytes */
export const hexBytes = (max: number) =>
  z
    .string()
    .max(2 + 2 * max)
    .regex(/^0x[0-9a-f]*$/)
    .refine((text) => text.length % 2 === 0)
    .transform(hexToBytes)

export const hash = hexOf(32).transform(hexToBytes)
