/** The base fee of the block after `parent`. Spec: EIP-1559, elasticity 2, change denominator 8. */
export function nextBaseFee(parent: { gasLimit: bigint; gasUsed: bigint; baseFeePerGas: bigint }): bigint {
  const target = parent.gasLimit / 2n
  if (parent.gasUsed === target) return parent.baseFeePerGas
  if (parent.gasUsed > target) {
    const rise = (parent.baseFeePerGas * (parent.gasUsed - target)) / target / 8n
    return parent.baseFeePerGas + (rise > 0n ? rise : 1n)
  }
  return parent.baseFeePerGas - (parent.baseFeePerGas * (target - parent.gasUsed)) / target / 8n
}
