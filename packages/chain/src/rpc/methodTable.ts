/** Every JSON-RPC method this node answers, by name. */

import { blockMethods } from './blockMethods.ts'
import { callMethods } from './callMethods.ts'
import { devnetStateMethods } from './devnetStateMethods.ts'
import { devnetTimeMethods } from './devnetTimeMethods.ts'
import { feeMethods } from './feeMethods.ts'
import { filterMethods } from './filterMethods.ts'
import { headMethods } from './headMethods.ts'
import { networkMethods } from './networkMethods.ts'
import { poolMethods } from './poolMethods.ts'
import { rawMethods } from './rawMethods.ts'
import type { MethodTable, RpcContext } from './rpcContext.ts'
import { signingMethods } from './signingMethods.ts'
import { stateMethods } from './stateMethods.ts'
import { subscriptionMethods } from './subscriptionMethods.ts'
import { traceMethods } from './traceMethods.ts'
import { transactionMethods } from './transactionMethods.ts'

/** Safe to answer for anybody. */
export function publicMethods(context: RpcContext): MethodTable {
  return {
    eth_accounts: () => [],
    ...networkMethods(context),
    ...blockMethods(context),
    ...headMethods(context),
    ...transactionMethods(context),
    ...stateMethods(context),
    ...callMethods(context),
    ...feeMethods(context),
    ...filterMethods(context),
    ...subscriptionMethods(context),
    ...poolMethods(context),
    ...rawMethods(context),
    ...traceMethods(context),
  }
}

/** Signing with test keys and editing time and state: for callers on this machine only. */
export function devnetMethods(context: RpcContext): MethodTable {
  return { ...signingMethods(context), ...devnetTimeMethods(context), ...devnetStateMethods(context) }
}
