/** Which package may import which: only down a layer, and a service only at its edges. */
export type Package = { name: string; folder: string; layer: number; dependencies: readonly string[] }

/** Why `owner` may not import `specifier`, or undefined. `<service>/wire` counts as layer 0, `<service>/client` is for edges. */
export function findLayerFault(owner: Package, specifier: string, packages: readonly Package[]): string | undefined {
  const target = packages.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`))
  if (!target) return undefined
  const from = shortName(owner)
  const to = shortName(target)
  const isWire = specifier === `${target.name}/wire`
  if (isWire || (sideways[from] ?? []).includes(to)) return undefined
  if (target.layer >= owner.layer) return `${from} (layer ${owner.layer}) may not import ${to} (layer ${target.layer})`
  const isClient = specifier === `${target.name}/client`
  if (target.layer === serviceLayer && !isClient && !compositionRoots.includes(from)) {
    return `of a service, ${from} may import ${to}/wire and ${to}/client alone`
  }
  return undefined
}

function shortName({ name }: Package): string {
  return name.replace('@weightless/', '')
}

/** Imports inside one layer that the architecture grants. */
const sideways: { readonly [from: string]: readonly string[] } = {
  crypto: ['codec'],
  coder: ['codec', 'crypto'],
  tensor: ['codec', 'crypto'],
  dispute: ['codec', 'crypto', 'tensor'],
  contracts: ['codec', 'crypto'],
  attest: ['codec', 'crypto'],
  envelope: ['codec', 'crypto'],
  evm: ['codec', 'crypto'],
  receipt: ['codec', 'crypto', 'contracts', 'tensor'],
  blobs: ['ledger'],
  cli: ['node', 'sdk'],
  node: ['sdk', 's3'],
  console: ['sdk'],
}
const serviceLayer = 3
const compositionRoots: readonly string[] = ['node']
