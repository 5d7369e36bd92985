/** A chain with the contracts that verify trusted hardware, under a root of tests; for tests only. */
import { clientsOf, openTestChain, type TestChain } from '@weightless/chain/testing/openTestChain'
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { dcapVerifierBytecode } from '@weightless/contracts/bytecode/dcapVerifier.generated'
import { intelCertificatesBytecode } from '@weightless/contracts/bytecode/intelCertificates.generated'
import { tcbRegistryBytecode } from '@weightless/contracts/bytecode/tcbRegistry.generated'
import { teeKeysBytecode } from '@weightless/contracts/bytecode/teeKeys.generated'
import { type Abi, bytesToHex } from 'viem'

export type TeeChain = TestChain & { contracts: { [name: string]: Hex } }

/** @param root - DER of the certificate that is trusted instead of Intel's */
export async function openTeeChain(root: Uint8Array): Promise<TeeChain> {
  const chain = await openTestChain()
  const { reader, wallet } = clientsOf(chain)
  const deploy = async (abi: Abi, bytecode: Hex, ...args: unknown[]): Promise<Hex> => {
    const hash = await wallet.deployContract({ abi, bytecode, args })
    return (await reader.waitForTransactionReceipt({ hash })).contractAddress!
  }
  const intelCertificates = await deploy(abis.intelCertificates, intelCertificatesBytecode, bytesToHex(root))
  const tcbRegistry = await deploy(abis.tcbRegistry, tcbRegistryBytecode, intelCertificates)
  const dcapVerifier = await deploy(abis.dcapVerifier, dcapVerifierBytecode, tcbRegistry)
  const teeKeys = await deploy(abis.teeKeys, teeKeysBytecode, dcapVerifier, 86_400n)
  return { ...chain, contracts: { intelCertificates, tcbRegistry, dcapVerifier, teeKeys } }
}
