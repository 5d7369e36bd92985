/** Usage and account over HTTP, as JSON and as a table for spreadsheets. Spec: COMPUTE §10.7 */
import type { HttpResponse } from '@weightless/env'
import { errorResponse } from '../../wire/apiError.ts'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import type { Customer, GatewayContext } from '../gatewayContext.ts'
import { dayOf } from '../keys/apiKey.ts'
import { spendingOf } from '../keys/keyBudget.ts'
import { allowed } from '../keys/keyRoutes.ts'
import type { UsageRow } from './usageBook.ts'

const rowsMax = 100_000

/** An inference key sees its own; a management key with `account:read` all, or one with `key_id`. */
export function answerUsage(context: GatewayContext, customer: Customer, query: URLSearchParams): HttpResponse {
  const isManager = customer.key.kind === 'management'
  const denied = isManager ? allowed(customer, ['account:read']) : undefined
  if (denied) return denied
  const keyId = isManager ? (query.get('key_id') ?? undefined) : customer.key.id
  const days = Number.parseInt(query.get('days') ?? '31', 10)
  if (!(days >= 1 && days <= 400)) {
    return errorResponse({ code: 'invalid_value', message: "'days' is a number from 1 to 400.", param: 'days' })
  }
  const sinceDay = dayOf(context.env.clock.nowMs()) - days + 1
  const rows = context.purse.usage.rows({ keyId, sinceDay }).slice(-rowsMax)
  return query.get('format') === 'csv' ? csvResponse(rows) : jsonResponse({ object: 'list', data: rows.map(rowToJson) })
}

function rowToJson({ keyId, day, model, provider, requests, promptTokens, completionTokens, feeWei }: UsageRow) {
  return {
    date: day,
    key_id: keyId,
    model,
    provider,
    requests,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    spent_wei: feeWei,
  }
}

function csvResponse(rows: readonly UsageRow[]): HttpResponse {
  const names = ['date', 'key_id', 'model', 'provider', 'requests', 'prompt_tokens', 'completion_tokens', 'spent_wei']
  const lines = rows.map((row) => Object.values(rowToJson(row)).map(csvField).join(','))
  return {
    status: 200,
    headers: { 'content-type': 'text/csv; charset=utf-8', 'content-disposition': 'attachment; filename="usage.csv"' },
    body: [names.join(','), ...lines, ''].join('\r\n'),
  }
}

/** A spreadsheet takes a field that begins with one of these for a formula. */
function csvField(value: string | number | bigint): string {
  const text = String(value)
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

/** What the key and the account behind it have, hold and have spent. */
export async function answerAccount(context: GatewayContext, customer: Customer): Promise<HttpResponse> {
  const isManager = customer.key.kind === 'management'
  const denied = isManager ? allowed(customer, ['account:read']) : undefined
  if (denied) return denied
  const { availableWei, totalWei } = await context.balanceOf(customer.payer)
  const { spentWei, heldWei, leftWei } = spendingOf(context, customer)
  const all = isManager ? allKeys(context, customer) : undefined
  return jsonResponse({
    object: 'account',
    address: customer.payer.user,
    available_wei: availableWei,
    total_wei: totalWei,
    spent_wei: all?.spentWei ?? spentWei,
    held_wei: all?.heldWei ?? heldWei,
    left_wei: leftWei ?? null,
    ...(isManager ? {} : { key_id: customer.key.id }),
  })
}

/** Of all keys that the same account pays for. */
function allKeys(context: GatewayContext, { payer }: Customer) {
  const sum = { spentWei: 0n, heldWei: 0n }
  for (const key of context.keys.list()) {
    const each = context.customerOfKey(key)
    if (each.payer.user !== payer.user) continue
    sum.spentWei += context.purse.usage.spent(key.id, 0)
    sum.heldWei += spendingOf(context, each).heldWei
  }
  return sum
}
