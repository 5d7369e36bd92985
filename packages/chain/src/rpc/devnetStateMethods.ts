/**
 * Edits the state directly, for tests: anvil_/hardhat_ setBalance, setCode, setNonce, setStorageAt, impersonateAccount.
 * Each edit is followed by a block at once, so that the header's state root, proofs and the disk agree with it.
 */
import type { AccountChange } from '@weightless/evm'
import { readAddress, readBytes, readHash, readQuantity, readSlot } from './params.ts'
import type { MethodTable, RpcContext, RpcMethod } from './rpcContext.ts'

export function devnetStateMethods({ accounts, driver, engine, pool }: RpcContext): MethodTable {
  const edit = async (change: AccountChange): Promise<void> => {
    await driver.exclusively(() => engine.editState([change]))
    await driver.mine()
  }
  const methods: { [name: string]: RpcMethod } = {
    setBalance: async ([address, balance]) => {
      await edit({ address: readAddress(address, 'address'), balance: readQuantity(balance, 'balance') })
      return null
    },
    setCode: async ([address, code]) => {
      await edit({ address: readAddress(address, 'address'), code: readBytes(code, 'code') })
      return null
    },
    setNonce: async ([address, nonce]) => {
      await edit({ address: readAddress(address, 'address'), nonce: readQuantity(nonce, 'nonce') })
      return null
    },
    setStorageAt: async ([address, slot, value]) => {
      const storage = [{ slot: readSlot(slot, 'slot'), value: readSlot(value, 'value') }]
      await edit({ address: readAddress(address, 'address'), storage })
      return true
    },
    impersonateAccount: ([address]) => {
      accounts.impersonate(readAddress(address, 'address'))
      return null
    },
    stopImpersonatingAccount: ([address]) => {
      accounts.stopImpersonating(readAddress(address, 'address'))
      return null
    },
    dropTransaction: ([hash]) => {
      pool.drop(readHash(hash, 'hash'))
      return null
    },
  }
  return {
    ...prefixed('anvil', methods),
    ...prefixed('hardhat', methods),
    evm_setAccountBalance: methods.setBalance!,
    evm_setAccountNonce: methods.setNonce!,
    evm_setAccountCode: methods.setCode!,
    evm_setAccountStorageAt: methods.setStorageAt!,
    anvil_autoImpersonateAccount: ([on]) => {
      accounts.impersonateAll(on === true)
      return null
    },
    anvil_dropAllTransactions: () => {
      pool.clear()
      return null
    },
  }
}

function prefixed(prefix: string, methods: MethodTable): MethodTable {
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [`${prefix}_${name}`, method]))
}
