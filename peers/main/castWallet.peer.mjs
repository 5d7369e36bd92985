// Foundry's cast as the wallet: pays, calls, estimates, reads logs and receipts, and stores a file's root by hand.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const devnet = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const rpc = ['--rpc-url', devnet.chain.rpcUrl]
const { address, privateKey } = devnet.chain.accounts[2]
const target = '0x00000000000000000000000000000000000c0de5'

assert.equal(cast('chain-id', ...rpc), String(devnet.chain.chainId))
const before = BigInt(cast('balance', target, ...rpc))
const sent = JSON.parse(cast('send', target, '--value', '12345', '--private-key', privateKey, '--json', ...rpc))
assert.equal(sent.status, '0x1')
assert.equal(BigInt(cast('balance', target, ...rpc)) - before, 12345n)
assert.equal(cast('nonce', address, ...rpc) >= '1', true)
assert.equal(JSON.parse(cast('receipt', sent.transactionHash, '--json', ...rpc)).transactionHash, sent.transactionHash)

const { flow, market, ledgerManager } = devnet.contracts
const price = BigInt(cast('call', market, 'pricePerSector()(uint256)', ...rpc).split(' ')[0])
assert.ok(price > 0n)
const submitSignature = 'submit(((uint256,bytes,(bytes32,uint256)[]),address))'
const submission = `((256,0x,[(0x${'11'.repeat(32)},0)]),${address})`
const submit = JSON.parse(
  cast(
    'send',
    flow,
    submitSignature,
    submission,
    '--value',
    String(price),
    '--private-key',
    privateKey,
    '--json',
    ...rpc,
  ),
)
assert.equal(submit.status, '0x1')
const logs = JSON.parse(cast('logs', '--address', flow, '--from-block', submit.blockNumber, '--json', ...rpc))
assert.ok(logs.some(({ transactionHash }) => transactionHash === submit.transactionHash))

const deposit = JSON.parse(
  cast(
    'send',
    ledgerManager,
    'addLedger(string)',
    'cast',
    '--value',
    '5ether',
    '--private-key',
    privateKey,
    '--json',
    ...rpc,
  ),
)
assert.equal(deposit.status, '0x1')
const refused = runCast('call', flow, submitSignature, submission.replace('256', '0'), '--from', address, ...rpc)
assert.match(refused.stderr, /execution reverted: Invalid submission/)
assert.ok(BigInt(cast('estimate', target, '--value', '1', '--from', address, ...rpc)) >= 21000n)
const proof = JSON.parse(cast('proof', flow, ...rpc))
assert.ok(proof.accountProof.length > 0)
console.log(`cast paid, stored a root in block ${BigInt(submit.blockNumber)}, opened a ledger and read it all back`)

function cast(...words) {
  const { stdout, stderr } = runCast(...words)
  assert.ok(!stderr.includes('Error'), stderr)
  return stdout.trim()
}

/** The npm launcher of cast ends with status 0 even when cast fails, so its words decide. */
function runCast(...words) {
  return spawnSync(join('node_modules', '.bin', 'cast'), words, { encoding: 'utf8' })
}
