// @0gfoundation/0g-ts-sdk 1.2.8, unmodified: the submission names its submitter.
import { Indexer, ZgFile } from '@0gfoundation/0g-ts-sdk'
import { roundTrip } from './roundTrip.mjs'

await roundTrip({ Indexer, ZgFile, account: 4, stopped: [0, 3] })
