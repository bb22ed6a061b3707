import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '@gradmesh/core'
import t from 'tap'
import {
  ensureKey,
  exists,
  paths,
  readKey,
  readPublicKey,
  rewriteKey,
  settleFolder
} from '../../src/disk/folder.ts'
import { smallGenesis } from '../fixtures/script.ts'

const passphrase = 'correct horse Bättery'

t.test('a plain key', async t => {
  const folder = join(t.testdir(), 'new', 'peer')
  const made = await ensureKey(folder)
  const { key } = paths(folder)
  t.equal((await stat(key)).mode & 0o777, 0o600)
  t.equal((await stat(folder)).mode & 0o777, 0o700)
  t.strictSame(await ensureKey(folder), made, 'the same the next time')
  t.strictSame(await readPublicKey(folder), { publicKey: made.publicKey, isSealed: false })
  t.equal(await rewriteKey(folder, {}, null), false, 'plain already')

  await chmod(key, 0o644)
  const told: string[] = []
  t.strictSame(await readKey(folder, { tell: message => void told.push(message) }), made)
  t.match(told, [/could be read by other users of this machine \(mode 0644\); it is 0600 now/])
  t.equal((await stat(key)).mode & 0o777, 0o600)
})

t.test('a sealed key', async t => {
  const folder = t.testdir()
  const made = await ensureKey(folder, { passphrase })
  const { key } = paths(folder)
  const text = await readFile(key, 'utf8')
  t.notMatch(text, toHex(made.secretKey))
  t.equal((await stat(key)).mode & 0o777, 0o600)
  t.strictSame(await readPublicKey(folder), { publicKey: made.publicKey, isSealed: true })
  await t.rejects(readKey(folder), { code: 'KEY_LOCKED' })
  await t.rejects(readKey(folder, { passphrase: 'another one' }), { code: 'KEY_PASSPHRASE' })
  t.strictSame(await readKey(folder, { passphrase: passphrase.normalize('NFD') }), made)

  t.test('whatever is changed in the file is noticed', async t => {
    const fields = JSON.parse(text)
    for (const name of ['publicKey', 'salt', 'nonce', 'box']) {
      const flipped = fields[name].replace(/^./, (first: string) => (first === '0' ? '1' : '0'))
      await writeFile(key, JSON.stringify({ ...fields, [name]: flipped }))
      await t.rejects(readKey(folder, { passphrase }), { code: 'KEY_PASSPHRASE' }, name)
    }
    for (const wrong of [
      { kdf: 'scrypt N=2 r=1 p=1' },
      { format: 'gradmesh-key/2' },
      { box: '00' },
      { salt: 7 }
    ]) {
      await writeFile(key, JSON.stringify({ ...fields, ...wrong }))
      await t.rejects(readKey(folder, { passphrase }), { code: 'KEY_UNREADABLE' }, Object.keys(wrong).join())
    }
    await writeFile(key, text)
  })
})

t.test('sealing and opening what is there', async t => {
  const folder = t.testdir()
  const made = await ensureKey(folder)
  t.equal(await rewriteKey(folder, {}, passphrase), true)
  t.strictSame((await readPublicKey(folder)).isSealed, true)
  await t.rejects(rewriteKey(folder, { passphrase: 'another one' }, null), { code: 'KEY_PASSPHRASE' })
  t.equal(await rewriteKey(folder, { passphrase }, null), true)
  t.strictSame(await readKey(folder), made)
  t.strictSame(await readdir(folder), ['key'], 'nothing is left beside it')
})

t.test('what is no key', async t => {
  const folder = t.testdir()
  await t.rejects(readKey(folder), { code: 'KEY_MISSING', remedy: 'gradmesh init' })
  for (const text of ['', 'abc', '{}', '[]', 'null', '"text"']) {
    await writeFile(paths(folder).key, text)
    await t.rejects(readKey(folder), { code: 'KEY_UNREADABLE' }, text)
  }
})

t.test('a key that has signed and is gone is asked for, and none made in its place', async t => {
  const folder = t.testdir()
  const { key } = paths(folder)
  await settleFolder(folder, smallGenesis(), await ensureKey(folder))
  await rm(key)
  for (const read of [readKey, ensureKey])
    await t.rejects(read(folder), { code: 'KEY_MISSING', remedy: /from a backup/ })
  t.notOk(await exists(key))
})

t.test('a genesis that is damaged is no other mesh', async t => {
  const folder = t.testdir()
  const { genesis: path } = paths(folder)
  const keys = await ensureKey(folder)
  const genesis = smallGenesis()
  await settleFolder(folder, genesis, keys)
  const other = { ...genesis, name: 'other' }
  await t.rejects(settleFolder(folder, other, keys), { code: 'GENESIS_OTHER' })
  await writeFile(path, (await readFile(path)).subarray(0, 100))
  await t.rejects(settleFolder(folder, genesis, keys), { code: 'GENESIS_INVALID', remedy: /moves .* away/ })
  await rm(path)
  await settleFolder(folder, genesis, keys)
  t.ok(await exists(path), 'as its remedy says')
})

t.test('the genesis comes last, and a record that is gone is not begun anew', async t => {
  const folder = t.testdir()
  const { genesis: path, safety, restored } = paths(folder)
  const keys = await ensureKey(folder)
  const genesis = smallGenesis()
  const dead = async (): Promise<void> => {
    t.notOk(await exists(path), 'what the ticket vouched for is there before the genesis')
    throw new Error('killed')
  }
  await t.rejects(settleFolder(folder, genesis, keys, dead), { message: 'killed' })
  t.notOk(await exists(path))
  await settleFolder(folder, genesis, keys)
  t.ok(await exists(path))
  await settleFolder(folder, genesis, keys)

  await rm(safety, { recursive: true })
  await t.rejects(settleFolder(folder, genesis, keys), { code: 'STORE_MISSING', remedy: 'key export' })
  t.notOk(await exists(safety))
  await writeFile(restored, '')
  await settleFolder(folder, genesis, keys)
  t.ok(await exists(safety), 'a key that waits to be renewed may')
})
