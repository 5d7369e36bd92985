/** The messages between a gateway and the worker that executes answers again. */
import type { Hex } from '@weightless/codec'
import type { Verification } from '@weightless/receipt'

export type RefereeInput = { modelRoot: Hex; weights: Uint8Array }

/** The bundle as JSON. */
export type ToReferee = { id: number; bundle: unknown }

export type FromReferee = { id: number; verification: Verification } | { id: number; reason: string }
