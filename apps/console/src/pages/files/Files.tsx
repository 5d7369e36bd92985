/** Store a file, see what it costs before, watch every segment being proven, and fetch any file by its root. */
import { PageHead } from '../../parts/PageHead.tsx'
import { FetchByRoot } from './FetchByRoot.tsx'
import { FileList } from './FileList.tsx'
import { StoreFile } from './StoreFile.tsx'

export function Files() {
  return (
    <>
      <PageHead title="Files">
        A file becomes its root: 32 bytes that name exactly this content. Whoever has the root can fetch the file and
        prove that every byte is right.
      </PageHead>
      <div className="grid gap-14">
        <StoreFile />
        <FileList />
        <FetchByRoot />
      </div>
    </>
  )
}
