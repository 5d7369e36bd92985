/**
 * The faults and bad input that verified AI must withstand, each with the check that stands against it and the test that fails without.
 * `check` is text of the file; `without` is what stands in its place when it is removed (nothing, by default).
 */
export type Fault = { fault: string; file: string; check: string; without?: string; test: string; name: string }

const replay = 'packages/tensor/src/chat/replayChat.test.ts'
const gguf = 'packages/tensor/src/gguf/readGguf.test.ts'
const safetensors = 'packages/tensor/src/safetensors/safetensors.test.ts'
const training = 'packages/dispute/src/training/training.test.ts'
const quotes = 'packages/attest/src/dcap/verifyDcapQuote.test.ts'
const provable = 'packages/receipt/src/findProvableFault.test.ts'

const stepCompared = {
  file: 'packages/tensor/src/chat/replayChat.ts',
  check: 'if (theirs !== undefined && bytesEqual(digest, theirs)) return undefined',
  without: 'if (theirs !== undefined) return undefined',
}
const wordJudged = {
  file: 'packages/dispute/src/training/refereeTraining.ts',
  check: 'sides.filter((side) => !bytesEqual(digestOf(side, chunk), digest))',
  without: 'sides.filter((side) => digestOf(side, chunk).length === 0)',
}
const headCursor = 'packages/tensor/src/gguf/headCursor.ts'
const readGguf = 'packages/tensor/src/gguf/readGguf.ts'
const readSafetensors = 'packages/tensor/src/safetensors/readSafetensors.ts'
const verifyQuote = 'packages/attest/src/dcap/verifyDcapQuote.ts'
const collateral = 'packages/attest/src/dcap/collateral.ts'

export const faults: readonly Fault[] = [
  { fault: 'flipped weight', ...stepCompared, test: replay, name: 'one unit in the last place of blk.1.ffn_gate' },
  { fault: 'changed sampler', ...stepCompared, test: replay, name: 'another sampler constant is found' },
  { fault: 'truncated context', ...stepCompared, test: replay, name: 'another prompt is found at the first step' },
  {
    fault: 'truncated context, told by its length',
    file: 'packages/receipt/src/verifyBundle.ts',
    check: 'BigInt(count) === receipt.promptTokens',
    without: 'count >= 0',
    test: 'packages/receipt/src/verifyBundle.test.ts',
    name: 'a prompt rendered otherwise is caught',
  },
  {
    fault: 'stale model',
    file: 'packages/receipt/src/verifyBundle.ts',
    check: "if (root !== receipt.modelRoot) return differ('weights', 'root of the weights', root, receipt.modelRoot)",
    test: 'packages/receipt/src/verifyBundle.test.ts',
    name: 'weights that are not those of the receipt are refused',
  },
  { fault: 'wrong moment', ...wordJudged, test: training, name: 'finds a wrong moment' },
  {
    fault: 'wrong moment, in the hash of a state',
    file: 'packages/tensor/src/train/commitState.ts',
    check: '[values, means, powers].entries()',
    without: '[values, values, powers].entries()',
    test: 'packages/tensor/src/train/trainer.test.ts',
    name: 'every part of it counts',
  },
  { fault: 'skipped data', ...wordJudged, test: training, name: 'finds skipped data' },
  { fault: 'reordered data', ...wordJudged, test: training, name: 'finds data in another order' },
  { fault: 'wrong random counter', ...wordJudged, test: training, name: 'finds a wrong counter of random words' },
  {
    fault: 'a head that lies about the cursor',
    file: 'packages/dispute/src/training/refereeTraining.ts',
    check: 'losers: sides.filter((side) => !bytesEqual(ends[side], end))',
    without: 'losers: []',
    test: training,
    name: 'finds a head that lies about the cursor',
  },
  {
    fault: 'NaN and infinities, in inference',
    file: 'packages/tensor/src/model/passRows.ts',
    check: '  if (bad) blame(pass, input, width, operator)',
    test: 'packages/tensor/src/chat/chatBatch.test.ts',
    name: 'a number that is not finite fails the conversation',
  },
  {
    fault: 'NaN and infinities, in training',
    file: 'packages/tensor/src/train/trainer.ts',
    check: 'if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {',
    without: 'if (loss === 0) {',
    test: 'packages/tensor/src/train/trainer.test.ts',
    name: 'steps that diverge',
  },
  {
    fault: 'NaN and infinities, in a dispute',
    file: 'packages/dispute/src/working/finite.ts',
    check: 'return Number.isFinite(value) ? value : Number.NaN',
    without: 'return value',
    test: 'packages/dispute/src/working/finite.test.ts',
    name: 'a step that is not finite is not hidden',
  },
  {
    fault: 'denormals',
    file: 'packages/tensor/src/gguf/widenHalf.ts',
    check: '  if (exponent === 0) return sign * fraction * 2 ** -24\n',
    test: safetensors,
    name: 'halves of both kinds are widened exactly',
  },
  {
    fault: 'malformed shapes',
    file: 'packages/tensor/src/model/describeGraph.ts',
    check: 'if (!same) throw',
    without: 'if (name === undefined) throw',
    test: gguf,
    name: 'a tensor of the wrong shape, missing, extra or not finite',
  },
  {
    fault: 'absurd sizes, of counts',
    file: headCursor,
    check: 'if (value > BigInt(max)) {',
    without: 'if (value < 0n) {',
    test: gguf,
    name: 'absurd counts and lengths are named',
  },
  {
    fault: 'absurd sizes, of tensors',
    file: readGguf,
    check: 'if (length === 0 || values > 2 ** 40)',
    without: 'if (length < 0)',
    test: gguf,
    name: 'an absurd shape are refused',
  },
  {
    fault: 'truncated GGUF, in its head',
    file: headCursor,
    check: '    if (start + length > this.#bytes.length) throw new HeadTooShort(start)\n',
    test: gguf,
    name: 'every truncation is refused',
  },
  {
    fault: 'truncated GGUF, in its data',
    file: readGguf,
    check: 'if (offset + tensor.sizeBytes > sizeBytes) {',
    without: 'if (offset < 0) {',
    test: gguf,
    name: 'every truncation is refused',
  },
  {
    fault: 'hostile GGUF: tensors that overlap',
    file: readGguf,
    check: "    if (offset < end) throw new GgufInvalidError('two tensors overlap', { name, offset })\n",
    test: gguf,
    name: 'tensors that overlap',
  },
  {
    fault: 'truncated safetensors',
    file: readSafetensors,
    check: 'if (dataStart > file.length) throw',
    without: 'if (dataStart < 0) throw',
    test: safetensors,
    name: 'it is truncated',
  },
  {
    fault: 'hostile safetensors: tensors that overlap',
    file: readSafetensors,
    check: 'if (begin !== end) {',
    without: 'if (begin < 0) {',
    test: safetensors,
    name: 'tensors overlap or leave a gap',
  },
  {
    fault: 'hostile safetensors: a size that is not of the shape',
    file: readSafetensors,
    check: 'if (end - begin !== values * width) {',
    without: 'if (end < begin) {',
    test: safetensors,
    name: 'has not the size of its shape',
  },
  {
    fault: 'withheld data',
    file: 'packages/dispute/src/referee/accuse.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the file
    check: 'if (opening === undefined) return silent(`step ${step.leaf}`)',
    test: 'packages/dispute/src/referee/dispute.test.ts',
    name: 'who does not answer, or not with what it gave',
  },
  {
    fault: 'silent party',
    file: 'packages/dispute/src/training/bisectPair.ts',
    check: 'if (silent.length > 0) return { silent }',
    test: training,
    name: 'makes who does not answer',
  },
  {
    fault: 'late party',
    file: 'packages/receipt/src/authorization.ts',
    check: "receipt.timestamp > authorization.deadline ? 'deadline' : undefined",
    without: 'undefined',
    test: provable,
    name: 'each broken term is found',
  },
  {
    fault: 'both parties wrong',
    ...wordJudged,
    without: `${wordJudged.check}.slice(0, 1)`,
    test: training,
    name: 'makes both lose',
  },
  {
    fault: 'same party twice',
    file: 'packages/dispute/src/training/refereeTraining.ts',
    check: "  if (bytesEqual(roots.a, roots.b)) return { losers: [], why: 'agreed' }\n",
    test: training,
    name: 'nobody where both agree',
  },
  {
    fault: 'same party twice: two acceptances of one job',
    file: 'packages/receipt/src/findProvableFault.ts',
    check: "return { kind: 'double-acceptance', one: first, other: second }",
    without: 'return undefined',
    test: provable,
    name: 'two acceptances of one job',
  },
  {
    fault: 'quote from another key',
    file: verifyQuote,
    check: "need(isBound, 'binding', 'the attestation key is not the one that the quoting enclave reports')",
    test: quotes,
    name: 'an attestation key that the quoting enclave does not report',
  },
  {
    fault: 'quote signed by another key',
    file: verifyQuote,
    check: "need(isSigned, 'signature', 'the quote is not signed by its attestation key')",
    test: quotes,
    name: 'the quote: another key',
  },
  {
    fault: 'expired collateral',
    file: collateral,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the file
    check: "need(atSeconds <= to, 'expired', `${what} is out of date`)",
    test: quotes,
    name: 'out of date, or of tomorrow',
  },
  {
    fault: 'revoked certificate',
    file: verifyQuote,
    check: "need(!pckList.revoked.has(leaf.serial), 'revoked', 'the PCK certificate is revoked')",
    test: quotes,
    name: 'the PCK certificate',
  },
]

/** The list as the table of `docs/faults.md`. */
export function faultTable(): string {
  const rows = faults.map(({ fault, file, test, name }) => `| ${fault} | \`${file}\` | \`${test}\`: ${name} … |`)
  return ['| fault | check | test |', '| --- | --- | --- |', ...rows].join('\n')
}
