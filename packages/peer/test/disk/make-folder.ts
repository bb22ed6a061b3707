import { existsSync } from 'node:fs'
import { stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makeFolder } from '../../src/disk/make-folder.ts'

t.test('made with what is missing above it', async t => {
  const root = t.testdir()
  const folder = join(root, 'a', 'b', 'c')
  await makeFolder(folder)
  for (const made of [folder, join(root, 'a')]) t.equal((await stat(made)).mode & 0o777, 0o700)
  await makeFolder(folder)
  await symlink(folder, join(root, 'link'))
  await makeFolder(join(root, 'link'))
  await makeFolder('/')
})

t.test('why not', async t => {
  const root = t.testdir()
  await writeFile(join(root, 'file'), '')
  await t.rejects(makeFolder(join(root, 'file')), { code: 'FOLDER_WRITE', message: /exists already/ })
  await t.rejects(makeFolder(join(root, 'file', 'a', 'b')), {
    code: 'FOLDER_WRITE',
    message: /a file stands/
  })
  await symlink(join(root, 'nowhere'), join(root, 'broken'))
  await t.rejects(makeFolder(join(root, 'broken', 'a')), { code: 'FOLDER_WRITE' })
})

t.test('where the kernel makes no folders', { skip: !existsSync('/proc/self') }, async t => {
  await t.rejects(makeFolder('/proc/gradmesh/a'), { code: 'FOLDER_WRITE' })
})
