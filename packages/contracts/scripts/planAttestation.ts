/** The part of a deployment that verifies trusted hardware and knows providers' keys in it. Spec: spec/attestation.md 8 and 9. */
import { intelRoot } from '@weightless/attest/roots'
import { bytesToHex, encodeDeployData, type Hex } from 'viem'
import { dcapVerifierAbi } from '../src/abi/dcapVerifier.generated.ts'
import { intelCertificatesAbi } from '../src/abi/intelCertificates.generated.ts'
import { tcbRegistryAbi } from '../src/abi/tcbRegistry.generated.ts'
import { teeKeysAbi } from '../src/abi/teeKeys.generated.ts'
import { dcapVerifierBytecode } from '../src/bytecode/dcapVerifier.generated.ts'
import { intelCertificatesBytecode } from '../src/bytecode/intelCertificates.generated.ts'
import { tcbRegistryBytecode } from '../src/bytecode/tcbRegistry.generated.ts'
import { teeKeysBytecode } from '../src/bytecode/teeKeys.generated.ts'
import type { Preset } from './presets.ts'

/** None of them has an owner or a proxy. @param root - DER of the certificate that is trusted; another one for tests alone */
export function planAttestation(
  { teeKeyFreshSeconds }: Pick<Preset, 'teeKeyFreshSeconds'>,
  create: (name: string, initCode: Hex) => Hex,
  root: Uint8Array = intelRoot.bytes,
): void {
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
