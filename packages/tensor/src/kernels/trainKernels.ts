/** The kernels of training; addresses are byte offsets, shapes and layouts are stated in `assembly/train/`. */
export type TrainKernels = {
  gemmRows(
    kind: number,
    w: number,
    x: number,
    xStride: number,
    out: number,
    outStride: number,
    groups: number,
    columns: number,
    positions: number,
    panel: number,
  ): void
  gemmColumns(
    kind: number,
    w: number,
    y: number,
    yStride: number,
    out: number,
    rows: number,
    columns: number,
    first: number,
    count: number,
    positions: number,
    panel: number,
  ): void
  gradientOuter(
    left: number,
    leftStride: number,
    right: number,
    rightStride: number,
    out: number,
    outStride: number,
    rows: number,
    columns: number,
    positions: number,
  ): void
  addScaled(x: number, xStride: number, y: number, yStride: number, n: number, positions: number, factor: number): void
  scaleValues(x: number, n: number, factor: number): void
  rmsNormBack(x: number, weight: number, dy: number, dx: number, n: number, positions: number, epsilon: number): void
  normWeightBack(x: number, dy: number, out: number, n: number, positions: number, epsilon: number, sums: number): void
  addPlaces(places: number, count: number, x: number, out: number, n: number, sums: number): void
  gateForward(gate: number, up: number, out: number, n: number): void
  gateBack(gate: number, up: number, d: number, dGate: number, dUp: number, n: number): void
  crossEntropy(
    logits: number,
    stride: number,
    vocab: number,
    targets: number,
    count: number,
    factor: number,
    stats: number,
    sums: number,
  ): void
  foldSquares(values: number, n: number, sums: number): number
  adamW(
    p: number,
    m: number,
    v: number,
    gradient: number,
    n: number,
    clip: number,
    rate: number,
    b1: number,
    b2: number,
    c1: number,
    c2: number,
    epsilon: number,
    decay: number,
  ): void
  attendRow(task: number, head: number, count: number, scratch: number): void
  attendRowBack(task: number, head: number, count: number, scratch: number): void
  sumHeads(
    from: number,
    fromStride: number,
    to: number,
    toStride: number,
    keyHeads: number,
    share: number,
    size: number,
    positions: number,
  ): void
}
