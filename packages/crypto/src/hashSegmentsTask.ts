/** For `env.tasks`: hashes whole segments, so that several threads share a large file. `closeFileTree` joins the roots. */
import { segmentBytes, segmentSectors } from './fileShape.ts'
import { segmentRoot } from './segmentRoot.ts'

/**
 * Roots of the segments in `bytes`, 32 bytes each end to end; none of them is the last of its file, which is padded by
 * the file's size.
 * @param bytes a multiple of 262,144 bytes
 */
export default function hashSegments(bytes: Uint8Array): Uint8Array {
  const roots = new Uint8Array(32 * Math.floor(bytes.length / segmentBytes))
  for (let i = 0; 32 * i < roots.length; i++) {
    roots.set(segmentRoot(bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes), segmentSectors), 32 * i)
  }
  return roots
}
