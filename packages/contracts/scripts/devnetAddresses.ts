/** Where contracts of the devnet stand whatever their code: published clients and our own recordings look there. */
import { getAddress } from 'viem'

export const devnetAddresses = {
  rewardPool: getAddress('0x79f919cddd0bbd344ad521fb679b67385e2f3588'),
  market: getAddress('0xd55337cc46a06beffef31879f5af9e5fba58d837'),
  flow: getAddress('0x5bb3f97207cafd539c81715e35bc4682d7e7928f'),
  mine: getAddress('0x6d696e650000000000000000000000000000706f'),
  // Where the published compute SDK 0.9.0 looks for the contracts on chain 31337.
  ledgerManager: getAddress('0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0'),
  inferenceServing: getAddress('0x0165878a594ca255338adfa4d48449f69242eb8f'),
  fineTuningServing: getAddress('0xa51c1fc2f0d1a1b8494ed1fe312d7c3a78ed91c0'),
} as const
