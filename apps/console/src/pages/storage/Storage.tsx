/** The storage network in front of the user: stop two nodes, read a file, see that nothing is lost. */
import type { Hex } from '@weightless/codec'
import { PageHead } from '../../parts/PageHead.tsx'
import { DownloadButton } from '../files/DownloadButton.tsx'
import { useFileRecords } from '../files/fileRecords.ts'
import { NodeGrid } from './NodeGrid.tsx'
import { showFile, useShownFile } from './shownFile.ts'
import { WhereItLies } from './WhereItLies.tsx'

export function Storage() {
  return (
    <>
      <PageHead title="Storage">
        Each file is cut into rows and coded, so that any third of its nodes can vanish and every byte still comes back.
        Stop two of them and read.
      </PageHead>
      <div className="grid gap-14">
        <NodeGrid />
        <Survival />
      </div>
    </>
  )
}

function Survival() {
  const records = useFileRecords()
  const chosen = useShownFile()
  const record = records.find(({ root }) => root === chosen) ?? records[0]
  return (
    <section aria-labelledby="survival" className="grid gap-4">
      <h2 id="survival" className="heading">
        What would survive
      </h2>
      {record ? (
        <>
          <div className="flex flex-wrap items-center gap-3">
            <label htmlFor="survival-file" className="label">
              File
            </label>
            <select
              id="survival-file"
              className="field max-w-full sm:max-w-96"
              value={record.root}
              onChange={(event) => showFile(event.target.value as Hex)}
            >
              {records.map(({ root, name }) => (
                <option key={root} value={root}>
                  {name}
                </option>
              ))}
            </select>
            <DownloadButton key={record.root} root={record.root} name={record.name} label="Read it now" />
          </div>
          <WhereItLies root={record.root} />
        </>
      ) : (
        <p className="text-soft">Store a file on the Files page; here you see which nodes hold it.</p>
      )}
    </section>
  )
}
