/** A list of listeners for one kind of event; emitting calls them at once, in the order they came. */
export type Signal<Value> = {
  /** Returns the function that takes the listener off again. */
  listen(listener: (value: Value) => void): () => void
  emit(value: Value): void
}

export function createSignal<Value>(): Signal<Value> {
  const listeners = new Set<(value: Value) => void>()
  return {
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    emit(value) {
      for (const listener of listeners) listener(value)
    },
  }
}
