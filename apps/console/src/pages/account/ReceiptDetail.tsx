/** What a receipt says in full, the transaction that settled it, and the bundle as a file for any other verifier. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { bundleToJson } from '@weightless/receipt/bundle'
import type { KeptBundle } from '../../network/keptBundles.ts'
import { useLoadClient } from '../../network/useLoadClient.ts'
import { Amount } from '../../parts/Amount.tsx'
import { answerText } from '../../parts/answerText.ts'
import { Copyable } from '../../parts/Copyable.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { saveText } from '../../parts/saveText.ts'
import { VerifyAnswer } from '../../verify/VerifyAnswer.tsx'

export function ReceiptDetail({ kept }: { kept: KeptBundle }) {
  const { bundle, receiptId } = kept
  const { receipt, opening } = bundle
  return (
    <div className="grid gap-5 pb-6">
      <p className="whitespace-pre-wrap border-line border-l-2 pl-4 text-soft">
        {'kind' in opening ? `answer with SHA-256 ${opening.responseSha256.slice(2)}` : answerText(opening)}
      </p>
      <Facts>
        <Fact name="Receipt">
          <Copyable text={receiptId} short={receiptId} what="receipt id" />
        </Fact>
        <Fact name="Price">
          <Amount wei={receipt.fee} />{' '}
          <span className="text-mute">
            for {String(receipt.promptTokens)} tokens read and {String(receipt.completionTokens)} written
          </span>
        </Fact>
        <Fact name="Settled">
          <Settlement kept={kept} />
        </Fact>
        <Fact name="Model">
          {opening.price.model} · <Copyable text={receipt.modelRoot} what="model root" />
        </Fact>
        <Fact name="Provider">
          <Copyable text={receipt.provider} what="provider" />
        </Fact>
        <Fact name="Paid by">
          <Copyable text={receipt.user} what="payer" />
        </Fact>
        <Fact name="Signature">
          <Copyable text={bundle.signature} what="signature" />
        </Fact>
      </Facts>
      <VerifyAnswer bundle={bundle} />
      <p className="text-mute text-sm">
        <button type="button" className="link text-ink" onClick={() => saveBundle(kept)}>
          Save the bundle
        </button>
        , and anyone can check the answer: <code className="font-mono">weightless verify {bundleName(receiptId)}</code>
      </p>
    </div>
  )
}

function Settlement({ kept }: { kept: KeptBundle }) {
  const loadClient = useLoadClient()
  const { data, isPending } = useQuery({
    queryKey: ['settlement', kept.receiptId],
    queryFn: async () => (await (await loadClient()).receipts.settlement(kept.bundle)) ?? null,
    refetchInterval: (query) => (query.state.data ? false : 3_000),
  })
  if (isPending) return <span className="skeleton inline-block h-5 w-32" />
  if (!data) return <span className="text-mute">not yet; answers are settled in batches</span>
  return (
    <Link to="/tx/$hash" params={{ hash: data.txHash }} className="link">
      in block {String(data.blockNumber)}
    </Link>
  )
}

const bundleName = (receiptId: string) => `receipt-${receiptId.slice(-8)}.json`

function saveBundle({ bundle, receiptId }: KeptBundle): void {
  saveText(bundleName(receiptId), JSON.stringify(bundleToJson(bundle), null, 2))
}
