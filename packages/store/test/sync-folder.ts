import type { FileHandle, open } from 'node:fs/promises'
import t from 'tap'
import { syncFolder } from '../src/sync-folder.ts'

const refusing = (code: string): typeof open => {
  const fail = async (): Promise<never> => {
    throw Object.assign(new Error(`${code}: refused`), { code })
  }
  return async () => ({ sync: fail, close: async () => {} }) as unknown as FileHandle
}

t.test('a folder is synced, and what is in the way is told', async t => {
  await syncFolder(t.testdir({}))
  await t.rejects(syncFolder(`${t.testdirName}/none`), { code: 'ENOENT' })
  await t.rejects(syncFolder('folder', 'linux', refusing('EPERM')), { code: 'EPERM' })
})

t.test('Windows syncs no folder, and says so; whatever else fails there is told', async t => {
  await syncFolder('folder', 'win32', refusing('EPERM'))
  await t.rejects(syncFolder('folder', 'win32', refusing('EIO')), { code: 'EIO' })
})
