// @0glabs/0g-ts-sdk 0.3.3, unmodified: the older submit, whose receipt it waits for.
import { Indexer, ZgFile } from '@0glabs/0g-ts-sdk'
import { roundTrip } from './roundTrip.mjs'

await roundTrip({ Indexer, ZgFile, account: 5, stopped: [1, 4] })
