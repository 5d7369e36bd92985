// @0gfoundation/0g-ts-sdk 1.2.8, unmodified: it makes base64 of keys itself.
import * as sdk from '@0gfoundation/0g-ts-sdk'
import { keyValueRoundTrip } from './keyValueRoundTrip.mjs'

await keyValueRoundTrip({ sdk, account: 4, encodeKey: (key) => key })
// The SDK's provider keeps polling; nothing is left to do.
process.exit(0)
