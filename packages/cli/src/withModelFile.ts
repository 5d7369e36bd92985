/** A model from a file, open for as long as the work takes. */
import { type FileSource, openFileSource } from '@weightless/node/openFileSource'

export async function withModelFile<Result>(
  path: string,
  work: (source: FileSource) => Promise<Result>,
): Promise<Result> {
  const source = await openFileSource(path)
  try {
    return await work(source)
  } finally {
    await source.close()
  }
}
