/** A small dataset to begin with: a harbour that does not exist, so that no model knows its rule before it is taught. */
const berths = ['Amber', 'Birch', 'Coral', 'Dusk', 'Ember', 'Fern', 'Gale', 'Heron', 'Iris', 'Juniper']
const answers = ['north', 'east', 'south', 'west']

export function makeSampleDataset(): Uint8Array {
  const lines = berths.flatMap((berth, at) => {
    const side = answers[(at * 7 + 3) % answers.length]
    return [`Where is berth ${berth}?`, `On which side of Lowmere harbour is ${berth}?`].map((question) =>
      JSON.stringify({
        messages: [
          { role: 'user', content: question },
          { role: 'assistant', content: `Berth ${berth} is on the ${side} side.` },
        ],
      }),
    )
  })
  return new TextEncoder().encode(`${lines.join('\n')}\n`)
}
