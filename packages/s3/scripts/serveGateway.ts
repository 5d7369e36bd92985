/**
 * An S3 gateway in a process of its own, for trying clients by hand: a chain and a storage network in a temporary folder
 * behind it. Says where it is as one line of JSON; ends with SIGTERM.
 */
import { startS3Gateway } from '../src/index.ts'
import { openTestNetwork } from '../src/testing/openTestNetwork.ts'

const credentials = [{ accessKeyId: 'weightless', secretAccessKey: 'weightless-secret' }]
const network = await openTestNetwork()
const { env, indexerUrl, ledger } = network
const port = Number(process.argv[2] ?? 9000)
const gateway = await startS3Gateway({ env, disk: env.disk.folder('s3'), indexerUrl, ledger, credentials, port })
console.log(JSON.stringify({ url: gateway.url, ...credentials[0] }))
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, async () => {
    await gateway.close()
    await network.close()
  })
}
