/** Types of the one file of the `secp256k1` package that holds the native addon; the package itself ships none. */
declare module 'secp256k1/bindings.js' {
  const bindings: {
    ecdsaRecover(signature: Uint8Array, recid: number, hash: Uint8Array, compressed: boolean): Uint8Array
    ecdsaSign(hash: Uint8Array, privateKey: Uint8Array): { signature: Uint8Array; recid: number }
    publicKeyCreate(privateKey: Uint8Array, compressed: boolean): Uint8Array
    privateKeyVerify(privateKey: Uint8Array): boolean
  }
  export default bindings
}
