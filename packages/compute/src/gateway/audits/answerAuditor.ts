/** Hands shared answers to whoever is enrolled as an auditor in the present round, and to nobody else. Spec: COMPUTE §10.11 */
import { type Hex, textToBytes } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import { hashMessage, recoverAddress } from 'viem'
import { errorResponse } from '../../wire/apiError.ts'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import { parseJson } from '../../wire/parseJson.ts'
import { sharedAnswersMax, sharedAskBytesMax, sharedAskMessage, sharedAskSchema } from '../../wire/sharedAnswers.ts'
import type { SharedAnswers } from './sharedAnswers.ts'

export type AuditorDesk = (request: HttpRequest) => Promise<HttpResponse>

export type AuditorDeskOptions = {
  ledger: Pick<Ledger, 'read'>
  chainId: number
  /** Without it nobody is an auditor. */
  auditRounds: Hex | undefined
  shared: SharedAnswers
}

/** Questions to the chain at once; whoever comes beyond is told to come again. */
const askingMax = 8
const [enrolled, committed] = [1, 2]

export function createAuditorDesk({ ledger, chainId, auditRounds, shared }: AuditorDeskOptions): AuditorDesk {
  let asking = 0

  async function isEnrolled(at: Hex, round: bigint, auditor: Hex): Promise<boolean> {
    const contract = { address: at, abi: abis.auditRounds } as const
    if ((await ledger.read({ ...contract, functionName: 'currentRound' })) !== round) return false
    const [, , state] = await ledger.read({ ...contract, functionName: 'reports', args: [round, auditor] })
    return state === enrolled || state === committed
  }

  return async (request) => {
    if (auditRounds === undefined) return refuse('not_found', 'Nobody is audited on this network.')
    const read = sharedAskSchema.safeParse(parseJson(await readBody(request.body, sharedAskBytesMax)) ?? null)
    if (!read.success) return refuse('invalid_value', 'It takes auditor, round, provider and signature.')
    const { signature, ...ask } = read.data
    const hash = hashMessage({ raw: textToBytes(sharedAskMessage(ask, { chainId, auditRounds })) })
    const signer = await recoverAddress({ hash, signature }).catch(() => undefined)
    if (signer?.toLowerCase() !== ask.auditor.toLowerCase())
      return refuse('forbidden', 'The auditor has not signed this.')
    if (asking >= askingMax) {
      return errorResponse({ code: 'too_many_requests', message: 'Others are being answered.', retryAfterSeconds: 1 })
    }
    asking++
    try {
      if (!(await isEnrolled(auditRounds, ask.round, ask.auditor))) {
        return refuse('forbidden', 'This account is not enrolled as an auditor in this round.')
      }
    } finally {
      asking--
    }
    return jsonResponse({ object: 'list', data: shared.of(ask.provider).slice(0, sharedAnswersMax) })
  }
}

const refuse = (code: 'not_found' | 'invalid_value' | 'forbidden', message: string): HttpResponse =>
  errorResponse({ code, message })
