/** A body whose owner is told when nobody will ever read it: a generator that was never begun runs no `finally`. */

export function ownedBody<Piece>(source: AsyncGenerator<Piece>, abandon: () => Promise<void>): AsyncIterable<Piece> {
  let begun = false
  return {
    [Symbol.asyncIterator]: () => ({
      next() {
        begun = true
        return source.next()
      },
      async return() {
        if (!begun) {
          begun = true
          await abandon()
        }
        return source.return(undefined)
      },
    }),
  }
}
