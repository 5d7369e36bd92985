// @0glabs/0g-ts-sdk 0.3.3, unmodified: keys go out as the caller gives them, so the caller makes base64 of them.
import * as sdk from '@0glabs/0g-ts-sdk'
import { keyValueRoundTrip } from './keyValueRoundTrip.mjs'

await keyValueRoundTrip({ sdk, account: 5, encodeKey: (key) => Buffer.from(key).toString('base64') })
process.exit(0)
