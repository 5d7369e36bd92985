/** What a document says, before anything of it is believed. */
import type { NetworkConfig } from '@weightless/sdk/networkConfig'
import { answerText } from '../../parts/answerText.ts'
import { Copyable } from '../../parts/Copyable.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { formatAmount } from '../../parts/formatAmount.ts'
import type { Document } from './readDocument.ts'

export function DocumentCard({ document, config }: { document: Document; config: NetworkConfig | undefined }) {
  return (
    <section className="sheet px-6 py-5" aria-label="What the file says">
      {document.kind === 'verdict' ? (
        <VerdictSays document={document} />
      ) : (
        <AnswerSays document={document} config={config} />
      )}
    </section>
  )
}

function VerdictSays({ document: { verdict } }: { document: Extract<Document, { kind: 'verdict' }> }) {
  const { finding, receipt } = verdict
  return (
    <div className="grid gap-2">
      <p className="text-soft">
        A verdict. It says that a provider signed a number that does not follow from the model: {finding.operator} at
        position {finding.position}. What it says is not believed; it is computed.
      </p>
      <Facts>
        <Fact name="Provider">
          <Copyable text={receipt.provider} what="provider" />
        </Fact>
        <Fact name="Model root">
          <Copyable text={receipt.modelRoot} what="model root" />
        </Fact>
        <Fact name="Chain">{String(receipt.chainId)}</Fact>
      </Facts>
    </div>
  )
}

function AnswerSays(props: { document: Extract<Document, { kind: 'answer' }>; config: NetworkConfig | undefined }) {
  const { bundle } = props.document
  const { receipt, opening } = bundle
  const isOther = props.config && receipt.chainId !== BigInt(props.config.chain.chainId)
  return (
    <div className="grid gap-2">
      {'kind' in opening ? (
        <p className="text-soft">
          An answer to <code className="font-mono">{opening.path}</code>; the bundle has its SHA-256, not its bytes.
        </p>
      ) : (
        <div className="grid gap-3">
          <p className="max-h-40 max-w-[36rem] overflow-y-auto whitespace-pre-wrap justify-self-end rounded-[1.2rem] rounded-br-md bg-well px-4 py-2.5">
            {opening.messages.findLast(({ role }) => role === 'user')?.content ?? ''}
          </p>
          <p className="max-h-72 overflow-y-auto whitespace-pre-wrap border-line border-l-2 pl-4 text-soft">
            {answerText(opening)}
          </p>
        </div>
      )}
      <Facts>
        <Fact name="Model">
          {opening.price.model} · <Copyable text={receipt.modelRoot} what="model root" />
        </Fact>
        <Fact name="Provider">
          <Copyable text={receipt.provider} what="provider" />
        </Fact>
        <Fact name="Tokens">
          {String(receipt.promptTokens)} read, {String(receipt.completionTokens)} written, for{' '}
          {formatAmount(receipt.fee)}
        </Fact>
        <Fact name="Chain">
          {String(receipt.chainId)}
          {isOther && <span className="text-mute"> · not the one of this network</span>}
        </Fact>
      </Facts>
    </div>
  )
}
