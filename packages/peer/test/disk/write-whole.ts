import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { writeWhole } from '../../src/disk/write-whole.ts'

const content = (text: string): Uint8Array => new TextEncoder().encode(text)

async function* broken(): AsyncGenerator<Uint8Array> {
  yield content('half')
  throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
}

t.test('the new file, or the old one as it was', async t => {
  const folder = t.testdir({ old: 'as it was' })
  const [old, fresh] = [join(folder, 'old'), join(folder, 'fresh')]
  for (const path of [old, fresh])
    await t.rejects(writeWhole('EXPORT_WRITE', path, broken()), {
      code: 'EXPORT_WRITE',
      message: `can't write ${path}: the disk is full`
    })
  t.equal(readFileSync(old, 'utf8'), 'as it was')
  t.strictSame(readdirSync(folder), ['old'])
  await writeWhole('EXPORT_WRITE', old, 'new')
  t.equal(readFileSync(old, 'utf8'), 'new')
})

t.test('what is no file is written into, not replaced', async t => {
  const folder = t.testdir()
  symlinkSync('/dev/null', join(folder, 'null'))
  await writeWhole('EXPORT_WRITE', join(folder, 'null'), 'into nothing')
  t.strictSame(readdirSync(folder), ['null'])
  mkdirSync(join(folder, 'below'))
  await t.rejects(writeWhole('EXPORT_WRITE', join(folder, 'below'), ''), { message: 'it is a folder' })
})
