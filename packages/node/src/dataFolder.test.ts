import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { DataFolderBusyError, DataFolderForeignError, DataFolderNewerError, takeDataFolder } from './dataFolder.ts'

let folder = ''
describe('the data directory', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weightless-folder-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('the directory is private to its user', () => {
    const { release } = takeDataFolder(join(folder, 'data'))
    assert.equal(statSync(join(folder, 'data')).mode & 0o777, 0o700)
    assert.equal(statSync(join(folder, 'data', 'version.json')).mode & 0o777, 0o600)
    release()
  })

  test('a directory in use by a living process is refused, that of a dead one is taken over', () => {
    const { release } = takeDataFolder(folder)
    release()
    writeFileSync(join(folder, 'lock'), String(process.ppid))
    assert.throws(() => takeDataFolder(folder), DataFolderBusyError)
    writeFileSync(join(folder, 'lock'), '999999999')
    takeDataFolder(folder).release()
  })

  test('a newer version and a damaged version file are refused with the next step', () => {
    writeFileSync(join(folder, 'version.json'), '{"dataVersion":999}')
    assert.throws(() => takeDataFolder(folder), DataFolderNewerError)
    writeFileSync(join(folder, 'version.json'), '{"dataVer')
    assert.throws(
      () => takeDataFolder(folder),
      (error) => error instanceof DataFolderForeignError && /reset/.test(error.message),
    )
  })
})
