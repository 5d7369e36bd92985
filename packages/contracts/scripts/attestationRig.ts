/** The contracts that verify trusted hardware, at any time and under any root: what their tests and gas figures stand on. */
import { splitCollateral } from '@weightless/attest'
import { bytesToBigInt, bytesToHex, getContractAddress, type Hex, keccak256, numberToHex } from 'viem'
import { abis } from '../src/abis.ts'
import { attestationRefusals } from '../src/attestationRefusals.ts'
import { type CallResult, createRig, type Rig } from './contractRig.ts'
import { create2Data, create2Deployer, salt } from './deploymentPlan.ts'
import type { Alloc } from './localEvm.ts'
import { planAttestation } from './planAttestation.ts'
import { presets } from './presets.ts'
import { createRevmEvm } from './revmEvm.ts'

type Name = 'intelCertificates' | 'tcbRegistry' | 'dcapVerifier' | 'teeKeys'
export type PutResult = { what: string; result: CallResult<unknown> }

export type AttestationRig = Pick<Rig, 'evm' | 'send' | 'must' | 'accounts'> & {
  contracts: { [One in Name]: { abi: (typeof abis)[One]; address: Hex } }
  /** Brings collateral, each part by a transaction of its own, and goes on after a refusal. */
  put(collateral: unknown): Promise<PutResult[]>
  /** Name of the refusal, as the verifier off chain names it; undefined where the quote is accepted. */
  refusalOf(quote: Uint8Array): Promise<string | undefined>
}

/** @param root - DER; Intel's unless given */
export async function createAttestationRig(atSeconds: number, root?: Uint8Array): Promise<AttestationRig> {
  const openEvm: typeof createRevmEvm = ({ alloc, ...options }) => createRevmEvm({ ...options, alloc: bareOf(alloc) })
  const { evm, send, must, accounts } = await createRig('weightless', undefined, { openEvm })
  evm.block.timestamp = BigInt(atSeconds)
  const steps: { name: string; address: Hex; initCode: Hex }[] = []
  const create = (name: string, initCode: Hex): Hex => {
    const address = getContractAddress({ opcode: 'CREATE2', from: create2Deployer, salt, bytecode: initCode })
    steps.push({ name, address, initCode })
    return address
  }
  planAttestation(presets.weightless, create, root)
  for (const { name, initCode } of steps) {
    const made = await evm.send({ from: accounts[0]!.address, to: create2Deployer, data: create2Data(initCode) })
    if (!made.ok) throw new Error(`${name} cannot be created`)
  }
  const at = <One extends Name>(name: One) => ({
    abi: abis[name],
    address: steps.find((step) => step.name === name)!.address,
  })
  const contracts = {
    intelCertificates: at('intelCertificates'),
    tcbRegistry: at('tcbRegistry'),
    dcapVerifier: at('dcapVerifier'),
    teeKeys: at('teeKeys'),
  }
  return {
    evm,
    send,
    must,
    accounts,
    contracts,
    put: (collateral) => putCollateral(send, contracts, collateral),
    async refusalOf(quote) {
      return refusalIn(await send(contracts.dcapVerifier, 'verify', [bytesToHex(quote)]))
    },
  }
}

/** Accounts, and who carries out CREATE2. */
function bareOf(alloc: Alloc): Alloc {
  return Object.fromEntries(
    Object.entries(alloc).filter(([address, { code }]) => code === undefined || address === create2Deployer),
  )
}

async function putCollateral(
  send: Rig['send'],
  { intelCertificates, tcbRegistry }: AttestationRig['contracts'],
  collateral: unknown,
): Promise<PutResult[]> {
  const split = splitCollateral(collateral)
  if (!split.ok) throw new Error(split.detail)
  const { authority, tcbSigner, qeSigner, rootList, pckList, tcbInfo, qeIdentity } = split.value
  const results: PutResult[] = []
  const note = (what: string, result: CallResult<unknown>) => results.push({ what, result })
  const signers = [tcbSigner, ...(keccak256(qeSigner) === keccak256(tcbSigner) ? [] : [qeSigner])]
  for (const [what, der] of [['authority', authority], ...signers.map((der) => ['signer', der] as const)] as const) {
    note(what, await send(intelCertificates, 'putCertificate', [bytesToHex(der)]))
  }
  const rootId = numberToHex(0, { size: 32 })
  note('root list', await send(intelCertificates, 'putList', [rootId, bytesToHex(rootList)]))
  note('PCK list', await send(intelCertificates, 'putList', [keccak256(authority), bytesToHex(pckList)]))
  const argsOf = ({ text, r, s }: typeof tcbInfo, signer: Uint8Array) =>
    [bytesToHex(text), bytesToBigInt(r), bytesToBigInt(s), keccak256(signer)] as const
  note('TCB info', await send(tcbRegistry, 'putTcbInfo', argsOf(tcbInfo, tcbSigner)))
  note('QE identity', await send(tcbRegistry, 'putQeIdentity', argsOf(qeIdentity, qeSigner)))
  return results
}

/** @returns undefined for a call that went through. @throws {Error} for another error than a refusal */
export function refusalIn(result: CallResult<unknown>): string | undefined {
  if (result.ok) return undefined
  if (result.error !== 'Refused') throw new Error(`${result.error} ${result.args.join(' ')}`)
  return attestationRefusals[Number(result.args[0])]
}
