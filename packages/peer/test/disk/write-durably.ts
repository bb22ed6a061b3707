import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cannotWrite } from '../../src/disk/cannot-write.ts'
import { writeDurably } from '../../src/disk/write-durably.ts'

t.test('whoever cannot write hears what helps', async t => {
  const folder = t.testdir({ taken: 'as it was' })
  const taken = join(folder, 'taken')
  await t.rejects(writeDurably(taken, 'new', 0o600), {
    code: 'FOLDER_WRITE',
    message: 'never overwritten',
    remedy: 'Name another'
  })
  t.equal(readFileSync(taken, 'utf8'), 'as it was')
  await t.rejects(writeDurably(join(taken, 'below'), 'new', 0o600), {
    code: 'FOLDER_WRITE',
    message: 'a file stands in the place of a folder'
  })
  await t.rejects(writeDurably(join(folder, 'none/new'), 'new', 0o600), {
    code: 'FOLDER_WRITE',
    remedy: 'Make that folder'
  })
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  t.match(cannotWrite('EXPORT_WRITE', '/a/b', full), {
    code: 'EXPORT_WRITE',
    message: "can't write /a/b: the disk is full",
    remedy: 'Free space'
  })
  t.match(cannotWrite('EXPORT_WRITE', '/a/b', new Error('odd')), { message: /odd$/ })
})

t.test('a write that fails half way leaves nothing', async t => {
  const folder = t.testdir({})
  const content = {
    [Symbol.iterator]: () => ({
      next: () => {
        throw new Error('the disk is gone')
      }
    })
  }
  await t.rejects(writeDurably(join(folder, 'new'), content as unknown as string, 0o600), {
    code: 'FOLDER_WRITE'
  })
  t.strictSame(readdirSync(folder), [])
})
