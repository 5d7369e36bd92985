/** Store a file, see what it costs before, watch every segment being proven, and fetch any file by its root. */
import { PageHead } from '../../parts/PageHead.tsx'
import { FetchByRoot } from './FetchByRoot.tsx'
import { FileList } from './FileList.tsx'
import { StoreFile } from './StoreFile.tsx'

export function Files() {
  return (
    <>
      <PageHead title="Files">
        A file becomes its root: 32 bytes that name exactly this content, so that every byte of it can be proven. It is
        encrypted for you alone, coded, and spread over nodes of which any third may vanish.
      </PageHead>
      <div className="grid gap-14">
        <StoreFile />
        <FileList />
        <FetchByRoot />
      </div>
    </>
  )
}
