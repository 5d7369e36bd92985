/** Runs in a worker: the roots of whole segments. Here, because a module of a worker is named by its place. */
export { default } from '@weightless/crypto/hashSegmentsTask'
