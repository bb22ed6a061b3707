import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cannotWrite, writeDurably } from '../../src/disk/write-durably.ts'

t.test('whoever cannot write hears what helps', async t => {
  const folder = t.testdir({ taken: 'as it was' })
  const taken = join(folder, 'taken')
  await t.rejects(writeDurably(taken, 'new', 0o600), {
    code: 'FOLDER_WRITE',
    remedy: 'never overwritten'
  })
  t.equal(readFileSync(taken, 'utf8'), 'as it was')
  await t.rejects(writeDurably(join(taken, 'below'), 'new', 0o600), {
    code: 'FOLDER_WRITE',
    remedy: '--data DIR'
  })
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  t.match(cannotWrite('can not write', full), { code: 'FOLDER_WRITE', remedy: 'Free space' })
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
