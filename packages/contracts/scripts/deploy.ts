/**
 * Deploys everything to an EVM chain and writes the addresses as JSON:
 * `npx node packages/contracts/scripts/deploy.ts --rpc URL [--key-file FILE] [--preset weightless|upstream] [--deployer ADDRESS] [--out FILE]`
 * The key comes from the file or from the environment variable WEIGHTLESS_DEPLOY_KEY, never from the command line. The
 * key's account pays and owns; ownership is handed on afterwards (`transferOwnership`, `grantRole`).
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createPublicClient, createWalletClient, defineChain, getAddress, type Hex, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { deployContracts, ensureDeployer } from './deployContracts.ts'
import { planDeployment } from './deploymentPlan.ts'
import { p256Precompile, p256Question } from './planAttestation.ts'
import { presets } from './presets.ts'

const { values } = parseArgs({
  options: {
    rpc: { type: 'string' },
    'key-file': { type: 'string' },
    preset: { type: 'string', default: 'weightless' },
    deployer: { type: 'string' },
    out: { type: 'string', default: 'addresses.json' },
  },
})
const { rpc } = values
const preset = presets[values.preset as keyof typeof presets]
const key = (values['key-file'] ? readFileSync(values['key-file'], 'utf8') : process.env.WEIGHTLESS_DEPLOY_KEY)?.trim()
if (rpc === undefined || preset === undefined || key === undefined || !/^0x[0-9a-fA-F]{64}$/.test(key)) {
  process.stderr.write(
    'usage: deploy.ts --rpc URL [--preset weightless|upstream] [--out FILE], and the key (0x and 64 hex digits) in --key-file FILE or WEIGHTLESS_DEPLOY_KEY\n',
  )
  process.exit(2)
}

const account = privateKeyToAccount(key as Hex)
const transport = http(rpc)
const id = await createPublicClient({ transport }).getChainId()
const nativeCurrency = { name: 'token', symbol: 'token', decimals: 18 }
const chain = defineChain({ id, name: `chain ${id}`, nativeCurrency, rpcUrls: { default: { http: [rpc] } } })
const clients = {
  reader: createPublicClient({ chain, transport, pollingInterval: 200 }),
  writer: createWalletClient({ account, chain, transport }),
  report: (line: string) => process.stdout.write(`${line}\n`),
}
const deployer = values.deployer === undefined ? await ensureDeployer(clients) : getAddress(values.deployer)
const { data: answer = '0x' } = await clients.reader.call({ to: p256Precompile, data: p256Question() })
const hasP256 = answer !== '0x' && BigInt(answer) === 1n
if (!hasP256) clients.report('the chain has no precompile for P-256 (EIP-7951): trusted hardware is not verified on it')
const fitting = hasP256 ? preset : { ...preset, teeKeyFreshSeconds: undefined }
const plan = planDeployment(fitting, account.address, {}, deployer)
await deployContracts(plan, clients)
const contracts = { ...plan.addresses, create2Deployer: getAddress(deployer) }
writeFileSync(values.out, `${JSON.stringify({ chainId: id, owner: account.address, contracts }, undefined, 2)}\n`)
process.stdout.write(`addresses written to ${values.out}\n`)
