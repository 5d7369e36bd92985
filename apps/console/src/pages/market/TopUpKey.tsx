/** Pays into the ledger of the account behind the API key, signed by whoever signs here: chats are paid from there. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Hex } from '@weightless/codec'
import { contractAddress } from '@weightless/sdk/networkConfig'
import { useState } from 'react'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { formatAmount } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { readAmount } from '../account/readAmount.ts'
import { useBalance } from '../account/useBalance.ts'

export function TopUpKey({ payer }: { payer: Hex }) {
  const { data: balance } = useBalance()
  const [text, setText] = useState('')
  const { mutate, isPending, isSuccess, error } = useTopUpFor(payer, () => setText(''))
  if (!balance) return null
  const { amountWei, problem } = readAmount(text, balance.chainWei)
  return (
    <form
      className="mt-5 grid max-w-[26rem] gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (amountWei !== undefined) mutate(amountWei)
      }}
    >
      <div className="flex gap-2.5">
        <input
          className="field tabular-nums"
          inputMode="decimal"
          placeholder="Amount in 0G"
          aria-label="Amount to top up, in 0G"
          aria-invalid={problem !== undefined}
          aria-describedby="top-up-hint"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="button button-solid" disabled={amountWei === undefined || isPending}>
          {isPending ? 'Signing' : 'Top up'}
        </button>
      </div>
      <p id="top-up-hint" className={`text-sm ${problem ? 'text-bad' : 'text-mute'}`}>
        {problem ??
          `From your account on the chain, up to ${formatAmount(balance.chainWei)}. It becomes the paying account’s.`}
      </p>
      <p role="status" className="text-good text-sm">
        {isSuccess && 'Topped up.'}
      </p>
      {error && <ErrorNotice title="The top-up did not go through" error={error} />}
    </form>
  )
}

function useTopUpFor(payer: Hex, onDone: () => void) {
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async (amountWei: bigint) => {
      const [client, { abis }] = await Promise.all([loadClient(), import('@weightless/contracts')])
      const address = contractAddress(client.config, 'ledgerManager')
      const call = { address, abi: abis.ledgerManager, functionName: 'depositFundFor', args: [payer] } as const
      return client.ledger.submit({ ...call, value: amountWei })
    },
    onSuccess: () => {
      onDone()
      void queries.invalidateQueries({ queryKey: ['spending'] })
      void queries.invalidateQueries({ queryKey: ['balance'] })
    },
  })
}
