/**
 * The answer about something that a peer, client or contract sent us: it may be wrong or hostile, so it is returned,
 * never thrown. `ignore` drops it, `reject` tells the sender, `ban` also lowers the sender's score.
 */
export type Verdict<Value, Code extends string = string> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: Code; readonly action: 'ignore' | 'reject' | 'ban'; readonly detail?: string }

export function accept<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value }
}

export function reject<Code extends string>(
  code: Code,
  detail?: string,
): { readonly ok: false; readonly code: Code; readonly action: 'reject'; readonly detail?: string } {
  return detail === undefined ? { ok: false, code, action: 'reject' } : { ok: false, code, action: 'reject', detail }
}
