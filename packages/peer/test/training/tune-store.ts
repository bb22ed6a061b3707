import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { folderStore } from '../../src/training/tune-store.ts'

t.test('what was written is read again, whole, by another run', async t => {
  const folder = join(t.testdir({}), 'not', 'there', 'yet')
  const store = folderStore(folder)
  t.equal(await store.read('tune-1.json'), undefined, 'nothing is kept yet')
  await store.write('tune-1.json', 'first')
  await store.write('tune-1.json', 'second')
  t.equal(await folderStore(folder).read('tune-1.json'), 'second')
  t.strictSame(await readdir(folder), ['tune-1.json'], 'no draft stays behind')
})
