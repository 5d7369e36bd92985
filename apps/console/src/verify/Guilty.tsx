/** One wrong number, so that it can be read: whose it is, where in the model it lies, what it must be and what was claimed. */
import type { VerdictFile } from '@weightless/compute/wire'
import type { ReactNode } from 'react'
import { Copyable } from '../parts/Copyable.tsx'
import { Fact, Facts } from '../parts/Facts.tsx'

type ShownFinding = VerdictFile['finding']

export function Guilty(props: { finding: ShownFinding; provider: string; children?: ReactNode }) {
  const { finding, provider, children } = props
  return (
    <div
      role="status"
      data-verdict="guilty"
      className="arrive grid gap-3 rounded-xl border border-bad bg-bad-wash px-5 py-4"
    >
      <div className="grid gap-1">
        <p className="font-[620] text-bad">Guilty: one number of this answer is wrong</p>
        <p className="text-soft">
          The provider signed it. Computed from the model’s own file and from numbers that the provider signed as well,
          it is another.
        </p>
      </div>
      <FindingFacts finding={finding} provider={provider} />
      {children}
    </div>
  )
}

function FindingFacts({ finding, provider }: { finding: ShownFinding; provider: string }) {
  const { layer, operator } = split(finding.operator)
  return (
    <Facts>
      <Fact name="Provider">
        <Copyable text={provider} what="provider" />
      </Fact>
      {layer !== undefined && <Fact name="Layer">{layer}</Fact>}
      <Fact name="Operator">{operator}</Fact>
      <Fact name="Position">
        {finding.position} <span className="text-mute">of the tokens read and written, from 0</span>
      </Fact>
      <Fact name="Element">
        {finding.what} {finding.element}
      </Fact>
      <Fact name="Expected">
        <code className="font-mono text-[0.875rem] text-good">{finding.expected}</code>
      </Fact>
      <Fact name="Claimed">
        <code className="font-mono text-[0.875rem] text-bad">{finding.claimed}</code>
      </Fact>
    </Facts>
  )
}

/** `layer 7 ffn.gate` in its parts; the model’s first and last operators lie in no layer. */
function split(name: string): { layer: string | undefined; operator: string } {
  const [, layer, operator] = /^layer (\d+) (.+)$/.exec(name) ?? []
  return { layer, operator: operator ?? name }
}
