/** Deposits into the ledger, sets funds aside for a provider, and takes back what is free. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Hex } from '@weightless/codec'
import type { Balance, Client } from '@weightless/sdk'
import { useState } from 'react'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { formatAmount } from '../../parts/formatAmount.ts'
import { ErrorNotice } from '../../parts/Notice.tsx'
import { readAmount } from './readAmount.ts'

type Move = {
  name: string
  says: string
  mostWei: (balance: Balance) => bigint
  send: (client: Client, amountWei: bigint, onSent: (hash: Hex) => void) => Promise<{ transactionHash: Hex }>
}

const deposit: Move = {
  name: 'Deposit',
  says: 'From your account into the ledger.',
  mostWei: (balance) => balance.chainWei,
  send: (client, amountWei, onSent) => client.account.deposit(amountWei, { onSent }),
}
const withdraw: Move = {
  name: 'Withdraw',
  says: 'From the ledger back to your account.',
  mostWei: (balance) => balance.ledger?.availableWei ?? 0n,
  send: (client, amountWei, onSent) => client.account.withdraw(amountWei, { onSent }),
}

export function MoveFunds({ balance }: { balance: Balance }) {
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <MoveForm move={deposit} balance={balance} />
      <MoveForm move={withdraw} balance={balance} />
    </div>
  )
}

function MoveForm({ move, balance }: { move: Move; balance: Balance }) {
  const [text, setText] = useState('')
  const { mutate, isPending, isSuccess, data, error, sentHash } = useMove(move, () => setText(''))
  const mostWei = move.mostWei(balance)
  const { amountWei, problem } = readAmount(text, mostWei)
  const id = move.name.toLowerCase()
  return (
    <form
      className="sheet grid content-start gap-3 p-5 sm:p-6"
      onSubmit={(event) => {
        event.preventDefault()
        if (amountWei !== undefined) mutate(amountWei)
      }}
    >
      <h3 className="heading">{move.name}</h3>
      <div className="flex gap-2.5">
        <input
          className="field tabular-nums"
          inputMode="decimal"
          placeholder="Amount in 0G"
          aria-label={`Amount to ${id}, in 0G`}
          aria-invalid={problem !== undefined}
          aria-describedby={`${id}-hint`}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="button button-solid" disabled={amountWei === undefined || isPending}>
          {isPending ? (sentHash ? 'Waiting' : 'Signing') : move.name}
        </button>
      </div>
      <p id={`${id}-hint`} className={`text-sm ${problem ? 'text-bad' : 'text-mute'}`}>
        {problem ?? `${move.says} Up to ${formatAmount(mostWei)}.`}
      </p>
      <div role="status">
        {isSuccess && (
          <p className="text-good">
            Done.{' '}
            <Link to="/tx/$hash" params={{ hash: data.transactionHash }} className="link">
              See the transaction
            </Link>
          </p>
        )}
      </div>
      {error && <ErrorNotice title={`${move.name} did not go through`} error={error} />}
    </form>
  )
}

function useMove(move: Move, onDone: () => void) {
  const loadClient = useLoadClient()
  const queries = useQueryClient()
  const [sentHash, setSentHash] = useState<Hex>()
  const mutation = useMutation({
    mutationFn: async (amountWei: bigint) => {
      setSentHash(undefined)
      return move.send(await loadClient(), amountWei, setSentHash)
    },
    onSuccess: () => {
      onDone()
      void queries.invalidateQueries({ queryKey: ['balance'] })
    },
  })
  return { ...mutation, sentHash }
}
