/** Proxies belong to a timelock: an upgrade is announced, waits, and then keeps all state. Spec: spec/settlement.md 7.3. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeFunctionData, type Hex, parseEther, zeroHash } from 'viem'
import { type CallResult, createRig } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { abis } from './abis.ts'
import { addresses } from './addresses.generated.ts'
import { ledgerManagerUpstreamBytecode } from './bytecode/ledgerManagerUpstream.generated.ts'

const delay = presets.weightless.upgradeDelaySeconds
const next: Hex = '0x00000000000000000000000000000000000000aa'
const timelock = { abi: abis.timelock, address: addresses.timelock }
const admin = { abi: abis.proxyAdmin, address: addresses.ledgerManagerProxyAdmin }
const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)

/** Another implementation, the existing network's limits, and the calls that put it in place. */
async function withNext() {
  const rig = await createRig()
  const [, user] = rig.accounts.map(({ address }) => address)
  await rig.evm.place(next, ledgerManagerUpstreamBytecode, user!)
  await rig.must(rig.contracts.ledgerManager, 'addLedger', ['kept'], { from: user!, value: parseEther('2') })
  const upgrade = [addresses.ledgerManager, next, '0x'] as const
  const data = encodeFunctionData({ abi: admin.abi, functionName: 'upgradeAndCall', args: upgrade })
  const what = [admin.address, 0n, data, zeroHash, zeroHash] as const
  const schedule = (from?: Hex, wait = delay) =>
    rig.send(timelock, 'schedule', [...what, wait], from === undefined ? {} : { from })
  const execute = () => rig.send(timelock, 'execute', [...what], { from: user! })
  const minimum = async () => (await rig.must(rig.contracts.ledgerManager, 'MIN_ACCOUNT_BALANCE', [])).value
  return { rig, user: user!, upgrade, what, schedule, execute, minimum }
}

describe('Upgrades', () => {
  it('own every proxy of the compute network through the timelock', async () => {
    const rig = await createRig()
    const admins = Object.entries(addresses).filter(([name]) => name.endsWith('ProxyAdmin'))
    assert.equal(admins.length, 12)
    for (const [name, address] of admins) {
      const { value } = await rig.must({ abi: abis.proxyAdmin, address }, 'owner', [])
      assert.equal(value, addresses.timelock, name)
    }
    assert.equal((await rig.must(timelock, 'getMinDelay', [])).value, delay)
  })

  it('are refused before their delay, and work after it with all state kept', async () => {
    const { rig, user, schedule, execute, minimum } = await withNext()
    const before = await minimum()
    assert.equal(errorOf(await execute()), 'TimelockUnexpectedOperationState', 'not announced')
    assert.equal(errorOf(await schedule(undefined, delay - 1n)), 'TimelockInsufficientDelay')
    assert.equal(errorOf(await schedule()), 'none')
    rig.evm.advance(1, Number(delay) - 1)
    assert.equal(errorOf(await execute()), 'TimelockUnexpectedOperationState')
    assert.equal(await minimum(), before)
    rig.evm.advance(1, 1)
    assert.equal(errorOf(await execute()), 'none')
    assert.deepEqual([before, await minimum()], [parseEther('0.001'), parseEther('3')])
    const { value } = await rig.must(rig.contracts.ledgerManager, 'getLedger', [user])
    assert.deepEqual([value.availableBalance, value.additionalInfo], [parseEther('2'), 'kept'])
    const services = (await rig.must(rig.contracts.ledgerManager, 'getAllActiveServices', [])).value
    assert.deepEqual(
      services.map(({ fullName }) => fullName),
      ['inference-v1.0', 'fine-tuning-v1.0'],
    )
    const again = await rig.send(rig.contracts.ledgerManager, 'initialize', [user], { from: user })
    assert.equal(errorOf(again), 'AlreadyInitialized')
  })

  it('can be taken back while they wait, and are announced and shortened by nobody else', async () => {
    const { rig, user, upgrade, what, schedule, execute } = await withNext()
    assert.equal(errorOf(await schedule(user)), 'AccessControlUnauthorizedAccount')
    assert.equal(errorOf(await rig.send(admin, 'upgradeAndCall', upgrade)), 'OwnableUnauthorizedAccount')
    assert.equal(errorOf(await rig.send(timelock, 'updateDelay', [0n])), 'TimelockUnauthorizedCaller')
    assert.equal(errorOf(await schedule()), 'none')
    const { value: id } = await rig.must(timelock, 'hashOperation', [...what])
    assert.equal(errorOf(await rig.send(timelock, 'cancel', [id], { from: user })), 'AccessControlUnauthorizedAccount')
    await rig.must(timelock, 'cancel', [id])
    rig.evm.advance(1, Number(delay))
    assert.equal(errorOf(await execute()), 'TimelockUnexpectedOperationState')
  })
})
