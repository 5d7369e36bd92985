/** Signs that a user is owed nothing by this provider. */
import type { Hex } from '@weightless/codec'
import type { signRefundConsent } from '../settlement/signRefundConsent.ts'

export type ConsentSigner = (user: Hex, nowMs: number) => ReturnType<typeof signRefundConsent>
