/** A storage node's stake against what it signed, on a chain of its own: what costs it, what does not, and how it is had back. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { clientsOf, openTestChain, type TestChain, testAccounts } from '@weightless/chain/testing/openTestChain'
import { bytesToHex, type Hex } from '@weightless/codec'
import type { SignedFragment } from '@weightless/compute'
import { abis, genesis } from '@weightless/contracts'
import { holderStakeBytecode } from '@weightless/contracts/bytecode/holderStake.generated'
import { ed25519PublicKey, fileTree } from '@weightless/crypto'
import { createLedger, type Ledger } from '@weightless/ledger'
import { codeFile } from '@weightless/storage/testing/codedFile'
import { makeFile } from '@weightless/storage/testing/storageClient'
import {
  digestFrame,
  encodeFragmentFrame,
  type FragmentName,
  proveOtherSector,
  signShown,
} from '@weightless/storage/wire'
import { reportFragment, stakeHolder } from './holderStake.ts'

const { holderStake: abi } = abis
const [unstakeSeconds, faultPercent] = [4_200n, 50n]
const token = 10n ** 18n
const { chainId } = genesis
const redundancy = { dataRows: 4, parityRows: 2 }
/** Six segments, the last one short and not of whole sectors; two stripes. */
const file = makeFile(5 * 262_144 + 70_100)
const tree = fileTree(file)
const root = bytesToHex(tree.root)
const coded = codeFile(file, tree, redundancy)
let keys = 0

describe('The stake of a storage node', () => {
  let chain: TestChain
  let owner: Ledger
  let reporter: Ledger
  let holderStake: Hex
  let at: { address: Hex; abi: typeof abi }
  let secretKey: Uint8Array
  let nodeId: Hex

  before(async () => {
    chain = await openTestChain()
    const open = (index: number) =>
      createLedger({ rpcUrl: chain.url, env: chain.env, account: testAccounts[index]!, pollMs: 20 })
    ;[owner, reporter] = [open(1), open(0)]
    const { reader, wallet } = clientsOf(chain)
    const args = [unstakeSeconds, faultPercent] as const
    const hash = await wallet.deployContract({ abi, bytecode: holderStakeBytecode, args })
    holderStake = (await reader.waitForTransactionReceipt({ hash })).contractAddress!
    at = { address: holderStake, abi }
  })
  after(() => chain.close())
  beforeEach(async () => {
    secretKey = new Uint8Array(32).fill(++keys)
    nodeId = bytesToHex(ed25519PublicKey(secretKey))
    await stakeHolder(owner, holderStake, { secretKey, amountWei: 2n * token })
  })

  const slashable = () => owner.read({ ...at, functionName: 'slashableOf', args: [nodeId] })
  const nameOf = (row: number, stripe: number): FragmentName => ({
    ...{ chainId, root, sizeBytes: file.length, dataRows: 4, row, stripe },
  })
  /** What the node signs for a row and a stripe: the file's frame, changed. */
  function show(row: number, stripe: number, change = (frame: Uint8Array) => frame): SignedFragment {
    const frame = change(encodeFragmentFrame(coded.fragment(stripe, row)!))
    return { nodeId, name: nameOf(row, stripe), frame, signature: signShown(nameOf(row, stripe), frame, secretKey) }
  }
  const flipAt = (place: number) => (frame: Uint8Array) => frame.with(place, frame.at(place)! ^ 1)
  const report = (shown: SignedFragment) => reportFragment(reporter, holderStake, shown, file)

  test('falls by half for any wrong sector of any data fragment, once each; a tenth is the reporter’s', async () => {
    let left = 2n * token
    for (const [row, stripe, change] of [
      [0, 0, flipAt(-1)],
      [3, 0, flipAt(-262_144)],
      [2, 0, flipAt(-100_000)],
      // Of the last segment, which ends with a sector that is not full.
      [1, 1, flipAt(-1)],
      [0, 1, (frame: Uint8Array) => frame.subarray(0, 5_000)],
    ] as const) {
      const shown = show(row, stripe, change)
      const credit = await owner.read({ ...at, functionName: 'credits', args: [reporter.address!] })
      assert.equal(await report(shown), left / 2n)
      const { gasUsed } = await clientsOf(chain).reader.getBlock()
      assert.ok(gasUsed < 1_000_000n, `${gasUsed} gas`)
      const more = await owner.read({ ...at, functionName: 'credits', args: [reporter.address!] })
      assert.equal(more - credit, left / 2n / 10n)
      await assert.rejects(report(shown), /FaultCounted/)
      left -= left / 2n
      assert.equal(await slashable(), left)
    }
    assert.equal(await owner.balanceOf(holderStake), await owedInAll())
  })

  /** All that the contract holds: stakes of the nodes of these tests, and credits. */
  async function owedInAll(): Promise<bigint> {
    let sum = await owner.read({ ...at, functionName: 'credits', args: [reporter.address!] })
    for (let key = 1; key <= keys; key++) {
      const id = bytesToHex(ed25519PublicKey(new Uint8Array(32).fill(key)))
      const [, , , staked, unstaking] = await owner.read({ ...at, functionName: 'stakes', args: [id] })
      sum += staked + unstaking
    }
    return sum
  }

  /** The call itself, past what the client would not send. */
  function call(shown: SignedFragment, change: (proof: Args) => Args = (args) => args): Promise<unknown> {
    const wrong = show(shown.name.row, shown.name.stripe, flipAt(-1))
    const proof = proveOtherSector(shown.name, file, shown.frame) ?? proveOtherSector(wrong.name, file, wrong.frame)!
    const args = change([
      nodeId,
      { ...proof.shown, sizeBytes: BigInt(proof.shown.sizeBytes), stripe: BigInt(proof.shown.stripe) },
      shown.signature.slice(0, 66) as Hex,
      `0x${shown.signature.slice(66)}`,
      { ...proof.other, sector: BigInt(proof.other.sector) },
    ])
    return reporter.tryCall({ ...at, functionName: 'reportFragment', args })
  }
  type Args = [
    Hex,
    { root: Hex; sizeBytes: bigint; dataRows: number; row: number; stripe: bigint; frameBytes: number; frameRoot: Hex },
    Hex,
    Hex,
    { sector: bigint; inFile: Hex; siblings: Hex[]; piece: Hex; path: Hex[] },
  ]

  test('stays for what is right, and for whatever the node did not sign', async () => {
    const right = show(1, 0)
    assert.equal(await report(right), undefined)
    const wrong = show(1, 0, flipAt(-1))
    await call(wrong)
    // Another code, row, stripe, size of frame or root than was signed.
    for (const lie of [{ dataRows: 3 }, { row: 0 }, { stripe: 1n }, { frameBytes: 10 }, { frameRoot: root }]) {
      await assert.rejects(
        call(wrong, ([id, shown, ...rest]) => [id, { ...shown, ...lie }, ...rest]),
        /NotSignedByNode/,
      )
    }
    // A piece or a place that is not of the frame; a sector that is not of the file.
    for (const lie of [{ piece: root }, { sector: 0n }, { path: [] }, { inFile: `0x${'00'.repeat(256)}` as Hex }]) {
      await assert.rejects(call(wrong, ([id, shown, r, s, other]) => [id, shown, r, s, { ...other, ...lie }]))
    }
    await assert.rejects(
      call(wrong, ([id, shown, r, s, other]) => [id, shown, r, s, { ...other, sector: 1_024n }]),
      /NoSuchSector/,
    )
    assert.equal(await slashable(), 2n * token)
  })

  test('stays for a frame of which all sectors are right, whatever is claimed of them', async () => {
    const head = show(1, 0, flipAt(40))
    assert.equal(await report(head), undefined)
    // The way to a frame's root does not lead through the piece itself.
    const beside = proveOtherSector(head.name, file, flipAt(-1)(head.frame))!
    await assert.rejects(
      call(head, ([id, shown, r, s, other]) => [
        id,
        { ...shown, ...digestFrame(head.frame) },
        r,
        s,
        { ...other, piece: bytesToHex(head.frame.slice(-4_096)), path: beside.other.path },
      ]),
      /FragmentIsRight/,
    )
  })

  test('says nothing of parity rows, and of nodes without a stake', async () => {
    const parity = show(4, 0, flipAt(-1))
    assert.equal(await report(parity), undefined)
    secretKey = new Uint8Array(32).fill(200)
    nodeId = bytesToHex(ed25519PublicKey(secretKey))
    assert.equal(await report(show(0, 0, flipAt(-1))), undefined)
  })

  test('is named by the node, had back by its owner after the wait, and slashed until then', async () => {
    const stranger = reporter
    await assert.rejects(stranger.submit({ ...at, functionName: 'unstake', args: [nodeId, token] }), /NotOwner/)
    await owner.submit({ ...at, functionName: 'unstake', args: [nodeId, 2n * token] })
    await assert.rejects(owner.submit({ ...at, functionName: 'withdrawStake', args: [nodeId] }), /StillUnstaking/)
    assert.equal(await report(show(0, 0, flipAt(-1))), token)
    await assert.rejects(
      stranger.submit({ ...at, functionName: 'nameOwner', args: [nodeId, root, root] }),
      /StillStaked/,
    )
    await chain.rpc('evm_increaseTime', [4_200])
    await chain.rpc('evm_mine', [])
    assert.equal(await slashable(), 0n)
    await owner.submit({ ...at, functionName: 'withdrawStake', args: [nodeId] })
    await assert.rejects(
      stranger.submit({ ...at, functionName: 'nameOwner', args: [nodeId, root, root] }),
      /NotSignedByNode/,
    )
    await stakeHolder(owner, holderStake, { secretKey, amountWei: token })
    assert.equal(await slashable(), token)
  })
})
