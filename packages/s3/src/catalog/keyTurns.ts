/** Runs changes of the same name one after another; those of different names overlap. */

export type KeyTurns = <Value>(name: string, change: () => Promise<Value>) => Promise<Value>

export function createKeyTurns(): KeyTurns {
  const last = new Map<string, Promise<unknown>>()
  return (name, change) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(change, change)
    const settled = turn.catch(() => undefined)
    last.set(name, settled)
    settled.then(() => {
      if (last.get(name) === settled) last.delete(name)
    })
    return turn
  }
}
