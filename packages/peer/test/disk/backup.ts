import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openSafety } from '@gradmesh/store'
import { encodeVote, signVote, VoteKind } from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { exportKey, importKey, restoredMark } from '../../src/disk/backup.ts'
import { ensureKey, paths, readKey, rewriteKey, settleFolder } from '../../src/disk/folder.ts'
import { smallGenesis } from '../fixtures/script.ts'

const genesis = smallGenesis()
const ZERO = new Uint8Array(32)

/** Its key votes SKIP in this slot. */
const vote = async (folder: string, slot: number): Promise<void> => {
  const keys = await readKey(folder)
  const safety = await openSafety(paths(folder).safety)
  const body = { epoch: 0, slot, kind: VoteKind.SKIP, blockId: ZERO }
  const bytes = encodeVote(signVote(body, 0, ZERO, keys))
  const facts = { slot, notar: null, skip: true, final: null }
  await safety.recordVote(facts, bytes).finally(() => safety.close())
}

const settled = async (t: Test): Promise<{ root: string; folder: string; file: string }> => {
  const root = t.testdir({})
  const folder = join(root, 'a')
  await settleFolder(folder, genesis, await ensureKey(folder))
  return { root, folder, file: join(root, 'backup') }
}

t.test('a backup makes a folder whose key may not sign yet', async t => {
  const { root, folder, file } = await settled(t)
  await vote(folder, 9)
  const made = await exportKey(folder, file, ['/ip4/127.0.0.1/tcp/1'])
  t.match(made, { slot: 9, height: 0, isSealed: false })
  t.equal((await stat(file)).mode & 0o777, 0o600)
  const to = join(root, 'b')
  t.strictSame(await importKey(file, to), made)
  t.strictSame(await readKey(to), await readKey(folder))
  t.strictSame(await readFile(paths(to).genesis), await readFile(paths(folder).genesis))
  await t.rejects(vote(to, 9), { code: 'STORE_SAFETY_BELOW' }, 'nothing at what the backup knows')
  const mark = restoredMark(to)
  t.equal(await mark.isThere(), true)
  await mark.clear()
  await mark.clear()
  t.equal(await mark.isThere(), false)
  t.equal(await restoredMark(folder).isThere(), false)
})

t.test(
  'where the record of what was signed is gone, the key can still be brought into a new folder',
  async t => {
    const { root, folder, file } = await settled(t)
    await vote(folder, 9)
    await rm(paths(folder).safety, { recursive: true })
    t.match(await exportKey(folder, file, []), { slot: -1, height: 0 })
    await importKey(file, join(root, 'b'))
    t.equal(await restoredMark(join(root, 'b')).isThere(), true)
  }
)

t.test('a sealed key stays sealed', async t => {
  const { root, folder, file } = await settled(t)
  await rewriteKey(folder, {}, 'a long passphrase')
  await exportKey(folder, file, [])
  const to = join(root, 'b')
  t.match(await importKey(file, to), { isSealed: true })
  await t.rejects(readKey(to), { code: 'KEY_LOCKED' })
})

t.test(
  'a record that is newer than the backup stays; an older one is brought forward, and marked',
  async t => {
    const { root, folder, file } = await settled(t)
    const early = join(root, 'early')
    await exportKey(folder, early, [])
    const older = join(root, 'older')
    await importKey(early, older)
    await restoredMark(older).clear()
    await vote(folder, 9)
    await exportKey(folder, file, [])
    await vote(folder, 12)
    for (const stale of [early, file])
      await t.rejects(importKey(stale, folder), { code: 'BACKUP_OLDER', data: { slot: 12 } })
    t.equal(await restoredMark(folder).isThere(), false, 'untouched')
    await importKey(file, older)
    t.equal(await restoredMark(older).isThere(), true)
    await t.rejects(vote(older, 8), { code: 'STORE_SAFETY_BELOW' })
  }
)

t.test('what does not fit is refused, and nothing is written', async t => {
  const { root, folder, file } = await settled(t)
  await exportKey(folder, file, [])
  await t.rejects(exportKey(folder, file, []), { code: 'FOLDER_WRITE' }, 'no backup is overwritten')
  const other = join(root, 'other')
  const keys = await ensureKey(other)
  await t.rejects(importKey(file, other), { code: 'BACKUP_OTHER_KEY' })
  t.strictSame(await readKey(other), keys)
  const elsewhere = join(root, 'elsewhere')
  await importKey(file, elsewhere)
  const text = await readFile(file, 'utf8')
  const mesh2 = join(root, 'mesh2')
  await settleFolder(mesh2, smallGenesis({ name: 'another' }), await ensureKey(mesh2))
  await writeFile(paths(mesh2).key, await readFile(paths(folder).key))
  await t.rejects(importKey(file, mesh2), { code: 'GENESIS_OTHER' })
  for (const wrong of [
    '',
    '{}',
    text.slice(0, 90),
    text.replace('gradmesh-backup/1', 'x'),
    text.replace(/"key": "./, '"key": "x'),
    text.replace(/"slot": -?\d+/, '"slot": -2'),
    text.replace(/"slot": -?\d+/, '"slot": 4294967295'),
    text.replace(/"height": \d+/, '"height": 4294967301')
  ]) {
    await writeFile(join(root, 'wrong'), wrong)
    await t.rejects(importKey(join(root, 'wrong'), join(root, 'c')), { code: 'BACKUP_INVALID' })
  }
  await t.rejects(importKey(join(root, 'none'), join(root, 'c')), { code: 'BACKUP_INVALID' })
  await t.rejects(stat(join(root, 'c')), { code: 'ENOENT' })
})
