/** Which network a node is of, and the protocol names that follow from it, so that networks never mix. Spec: p2p §2. */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'

export type NetworkIdentity = { chainId: number; flowAddress: Hex }

export type ProtocolNames = {
  /** First part of every name that libp2p's own services register, e.g. `weightless/1f0c…`. */
  prefix: string
  kad: string
  /** The same in every network: two nodes must be able to find out that they are of different ones. */
  hello: string
  announce: string
  record: string
  nodes: string
  placement: string
  topic(name: string): string
}

export function protocolNames(identity: NetworkIdentity): ProtocolNames {
  const prefix = `weightless/${networkTag(identity)}`
  return {
    prefix,
    kad: `/${prefix}/kad/1.0.0`,
    hello: '/weightless/hello/1',
    announce: `/${prefix}/announce/1`,
    record: `/${prefix}/record/1`,
    nodes: `/${prefix}/nodes/1`,
    placement: `/${prefix}/placement/1`,
    topic: (name) => `${prefix}/${name}/1`,
  }
}

export function isSameNetwork(a: NetworkIdentity, b: NetworkIdentity): boolean {
  return a.chainId === b.chainId && a.flowAddress.toLowerCase() === b.flowAddress.toLowerCase()
}

/** 16 hex digits. */
function networkTag({ chainId, flowAddress }: NetworkIdentity): string {
  const text = `weightless/network/1\n${chainId}\n${flowAddress.toLowerCase()}`
  return bytesToHex(sha256(textToBytes(text)).subarray(0, 8)).slice(2)
}
