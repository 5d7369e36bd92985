/** The part of a deployment that owns the proxies: upgrades wait, so that whoever disagrees can leave first. */
import { encodeDeployData, type Hex, zeroAddress } from 'viem'
import { timelockAbi } from '../src/abi/timelock.generated.ts'
import { timelockBytecode } from '../src/bytecode/timelock.generated.ts'
import type { Preset } from './presets.ts'

/** `owner` proposes and can cancel; anybody carries out what has waited; nobody can shorten the wait but by waiting. */
export function planUpgrades(preset: Preset, owner: Hex, create: (name: string, initCode: Hex) => Hex): Hex {
  const args = [preset.upgradeDelaySeconds, [owner], [zeroAddress], zeroAddress] as const
  return create('timelock', encodeDeployData({ abi: timelockAbi, bytecode: timelockBytecode, args }))
}
