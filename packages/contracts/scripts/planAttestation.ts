/** The part of a deployment that verifies trusted hardware and knows providers' keys in it. Spec: spec/attestation.md 8 and 9. */
import { intelRoot } from '@weightless/attest/roots'
import { bytesToHex, concat, encodeDeployData, type Hex, sha256 } from 'viem'
import { dcapVerifierAbi } from '../src/abi/dcapVerifier.generated.ts'
import { intelCertificatesAbi } from '../src/abi/intelCertificates.generated.ts'
import { tcbRegistryAbi } from '../src/abi/tcbRegistry.generated.ts'
import { teeKeysAbi } from '../src/abi/teeKeys.generated.ts'
import { dcapVerifierBytecode } from '../src/bytecode/dcapVerifier.generated.ts'
import { intelCertificatesBytecode } from '../src/bytecode/intelCertificates.generated.ts'
import { tcbRegistryBytecode } from '../src/bytecode/tcbRegistry.generated.ts'
import { teeKeysBytecode } from '../src/bytecode/teeKeys.generated.ts'
import type { Preset } from './presets.ts'

/**
 * None of them has an owner or a proxy; where hardware is not verified, there is nothing.
 * @param root - DER of the certificate that is trusted; another one for tests alone
 */
export function planAttestation(
  { teeKeyFreshSeconds }: Pick<Preset, 'teeKeyFreshSeconds'>,
  create: (name: string, initCode: Hex) => Hex,
  root: Uint8Array = intelRoot.bytes,
): void {
  if (teeKeyFreshSeconds === undefined) return
  const deploy = encodeDeployData
  const ofRoot = { abi: intelCertificatesAbi, bytecode: intelCertificatesBytecode, args: [bytesToHex(root)] } as const
  const certificates = create('intelCertificates', deploy(ofRoot))
  const ofInfos = { abi: tcbRegistryAbi, bytecode: tcbRegistryBytecode, args: [certificates] } as const
  const registry = create('tcbRegistry', deploy(ofInfos))
  const ofQuotes = { abi: dcapVerifierAbi, bytecode: dcapVerifierBytecode, args: [registry] } as const
  const verifier = create('dcapVerifier', deploy(ofQuotes))
  const ofKeys = { abi: teeKeysAbi, bytecode: teeKeysBytecode, args: [verifier, teeKeyFreshSeconds] } as const
  create('teeKeys', deploy(ofKeys))
}

/** Calldata of the precompile of EIP-7951 that a chain which has it answers with 1: the root's own signature. */
export function p256Question(): Hex {
  const { signedBytes, signature, publicKey } = intelRoot
  return concat([sha256(signedBytes), bytesToHex(signature), bytesToHex(publicKey.subarray(1))])
}

export const p256Precompile: Hex = '0x0000000000000000000000000000000000000100'
