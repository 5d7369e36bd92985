/** Room for the loss of some positions. */
/** Memory of one piece; logits take most. */
export type LossRoom = { logits: number; sums: number; sumsBytes: number }
