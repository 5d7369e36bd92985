/** `admin_addStream(streamId, wallet, signature)`: whoever signs the registration has the node follow a stream. Spec: kv §5.3. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { invalidParams } from '@weightless/storage/wire'
import { getAddress, recoverTypedDataAddress } from 'viem'
import type { StreamSet } from '../streamSet.ts'
import type { RpcMethods } from './answerRpc.ts'
import { ParamInvalid, readAccount, readStreamId } from './readParams.ts'

export function registerStreamTypedData(chainId: number, wallet: Hex, streamId: Hex) {
  return {
    domain: { name: '0G Storage Scan', version: '1', chainId },
    types: {
      RegisterStream: [
        { name: 'purpose', type: 'string' },
        { name: 'wallet', type: 'address' },
        { name: 'streamId', type: 'bytes32' },
      ],
    },
    primaryType: 'RegisterStream',
    message: { purpose: 'register-stream', wallet, streamId },
  } as const
}

export function addStreamMethod(set: Pick<StreamSet, 'add'>, chainId: number): RpcMethods {
  return {
    async admin_addStream([stream, wallet, signature]) {
      const streamId = bytesToHex(readStreamId(stream))
      const claimed = getAddress(bytesToHex(readAccount(wallet)))
      const text = typeof signature === 'string' && !signature.startsWith('0x') ? `0x${signature}` : signature
      if (typeof text !== 'string' || !/^0x[0-9a-fA-F]{130}$/.test(text))
        throw new ParamInvalid('signature', 'not 65 bytes of hex')
      const typedData = registerStreamTypedData(chainId, claimed, streamId)
      const signer = await recoverTypedDataAddress({ ...typedData, signature: text as Hex }).catch(() => undefined)
      if (!signer) return { fault: invalidParams('signature', 'recovery failed') }
      if (signer !== claimed) {
        return { fault: invalidParams('signature', 'recovered signer does not match claimed wallet') }
      }
      await set.add(streamId)
      return { result: true }
    },
  }
}
