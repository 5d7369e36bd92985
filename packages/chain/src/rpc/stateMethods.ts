/** Reads accounts at any block: balance, code, storage, nonce, EIP-1186 proofs. Every block's state is kept. */
import { bytesToHex, bytesToUint, quantityToHex } from '@weightless/codec'
import { emptyCodeHash, emptyTrieRoot } from '../execution/header.ts'
import { readAddress, readBlockName, readList, readSlot } from './params.ts'
import { type MethodTable, type RpcContext, requireBlock } from './rpcContext.ts'

export function stateMethods(context: RpcContext): MethodTable {
  const { evm, pool, limits } = context
  const rootAt = (name: unknown): Uint8Array => requireBlock(context, readBlockName(name, 'block')).header.stateRoot
  return {
    eth_getBalance: ([address, block]) =>
      quantityToHex(evm.getAccount(rootAt(block), readAddress(address, 'address'))?.balance ?? 0n),
    eth_getTransactionCount: ([address, block]) => {
      const account = readAddress(address, 'address')
      if (block === 'pending') return quantityToHex(pool.nextNonce(account))
      return quantityToHex(evm.getAccount(rootAt(block), account)?.nonce ?? 0n)
    },
    eth_getCode: ([address, block]) => {
      const account = evm.getAccount(rootAt(block), readAddress(address, 'address'))
      return account ? bytesToHex(evm.getCode(account.codeHash)) : '0x'
    },
    eth_getStorageAt: ([address, slot, block]) =>
      bytesToHex(evm.getStorage(rootAt(block), readAddress(address, 'address'), readSlot(slot, 'slot'))),
    eth_getProof: ([address, keys, block]) => {
      const account = readAddress(address, 'address')
      const names = readList(keys, 'storageKeys', limits.proofSlotsMax)
      const slots = names.map((key) => readSlot(key, 'storageKeys'))
      const found = evm.getProof(rootAt(block), account, slots)
      return {
        address: bytesToHex(account),
        accountProof: found.accountProof.map(bytesToHex),
        balance: quantityToHex(found.account?.balance ?? 0n),
        codeHash: bytesToHex(found.account?.codeHash ?? emptyCodeHash),
        nonce: quantityToHex(found.account?.nonce ?? 0n),
        storageHash: bytesToHex(found.account?.storageRoot ?? emptyTrieRoot),
        storageProof: found.storageProofs.map(({ value, proof }, index) => ({
          key: names[index],
          value: quantityToHex(bytesToUint(value)),
          proof: proof.map(bytesToHex),
        })),
      }
    },
  }
}
