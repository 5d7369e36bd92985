import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Hex } from '@weightless/codec'
import { sprtStart } from '../sprt.ts'
import { auditHolder, type HolderTools, readingsMax } from './auditHolder.ts'
import { drawFragment, type SignedRow } from './drawFragment.ts'

const beta: Hex = `0x${'11'.repeat(32)}`
const id: Hex = `0x${'22'.repeat(32)}`
const placement = { chainId: 1, root: beta, sizeBytes: 900, holders: [id], signatures: [beta] }
const rows = [{ placement, row: 0, fragments: 3 }] as unknown as SignedRow[]

const audit = (tools: Partial<HolderTools>, signal = new AbortController().signal) =>
  auditHolder(
    {
      listRows: async () => rows,
      read: async () => ({ kind: 'nothing', detail: 'lost' }),
      isReplaced: async () => false,
      ...tools,
    },
    { id, beta, before: sprtStart },
    signal,
  )

describe('Audit of a storage node', () => {
  it('says nothing of one that has signed for nothing', async () => {
    const { found, after } = await audit({ listRows: async () => [] })
    assert.equal(found.finding, 4)
    assert.equal(after, sprtStart)
  })

  it('does not count what a newer placement has taken away, and comes to an end', async () => {
    let readings = 0
    const read = async () => {
      readings++
      return { kind: 'nothing', detail: 'moved' } as const
    }
    const { found } = await audit({ read, isReplaced: async () => true })
    assert.equal(found.finding, 4)
    assert.equal(readings, readingsMax)
    assert.equal((await audit({})).found.finding, 2)
  })

  it('does not take the end of its own time for silence', async () => {
    const late = new AbortController()
    const read = async () => {
      late.abort()
      return { kind: 'silent', detail: 'aborted' } as const
    }
    assert.equal((await audit({ read }, late.signal)).found.finding, 4)
    assert.equal((await audit({ read: async () => ({ kind: 'silent', detail: '' }) })).found.finding, 3)
  })

  it('draws every fragment of every row, and others for another number', () => {
    const from = [{ fragments: 2 }, { fragments: 1 }, { fragments: 3 }]
    const drawn = Array.from({ length: 200 }, (_, index) => drawFragment(from, beta, id, index))
    assert.equal(new Set(drawn.map(({ at, stripe }) => `${at} ${stripe}`)).size, 6)
    assert.ok(drawn.every(({ at, stripe }) => stripe < from[at]!.fragments))
    const others = Array.from({ length: 200 }, (_, index) => drawFragment(from, id, id, index))
    assert.notDeepEqual(others, drawn)
  })
})
