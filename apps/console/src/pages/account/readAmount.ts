/** Reads what somebody typed as an amount of tokens; says what is wrong with it before anything is signed. */
import { parseEther } from 'viem'
import { formatAmount } from '../../parts/formatAmount.ts'

export function readAmount(text: string, mostWei: bigint): { amountWei?: bigint; problem?: string } {
  const typed = text.trim().replace(',', '.')
  if (typed === '') return {}
  if (!/^\d{1,20}(\.\d{0,18})?$/.test(typed)) return { problem: 'A number of tokens, such as 2.5.' }
  const amountWei = parseEther(typed)
  if (amountWei === 0n) return { problem: 'More than nothing.' }
  if (amountWei > mostWei) return { problem: `There are only ${formatAmount(mostWei)}.` }
  return { amountWei }
}
