// Stops storage nodes of the devnet for a while, by the control that the console uses.
import assert from 'node:assert/strict'

export async function withNodesStopped(devnet, numbers, work) {
  const turn = async (number, verb) => {
    const response = await fetch(`${devnet.console.url}/devnet/storage/${number}/${verb}`, { method: 'POST' })
    assert.equal(response.status, 200, `node ${number}: ${verb}`)
  }
  for (const number of numbers) await turn(number, 'stop')
  try {
    for (const number of numbers) await assert.rejects(fetch(`${devnet.storage.nodeUrls[number]}/node/record`))
    return await work()
  } finally {
    for (const number of numbers) await turn(number, 'start')
  }
}
