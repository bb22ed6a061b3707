import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MeshError } from '@gradmesh/core'
import t from 'tap'
import type { Operation } from '../src/database.ts'
import { failureOf } from '../src/failures.ts'
import { scanLevelDb } from '../src/leveldb/scan.ts'
import { openLevelDb } from '../src/leveldb.ts'

const put = (key: number, bytes = 1): Operation => ({
  type: 'put',
  key: Uint8Array.of(key),
  value: new Uint8Array(bytes).fill(key)
})

t.test('a folder in use: STORE_LOCKED from another process and from this one', async t => {
  const folder = t.testdir()
  const child = fork(new URL('./fixtures/holder.ts', import.meta.url), [folder])
  await once(child, 'message')
  await t.rejects(openLevelDb(folder, { create: false }), {
    code: 'STORE_LOCKED',
    message: folder,
    remedy: /Stop it first/,
    data: { folder }
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const database = await openLevelDb(folder, { create: false })
  t.strictSame(
    [...(await database.get(Uint8Array.of(1)))!],
    [1],
    'the lock goes with its process, the value stays'
  )
  await t.rejects(openLevelDb(folder, { create: false }), { code: 'STORE_LOCKED' })
  await database.close()
})

t.test('no database: STORE_MISSING, and nothing is made', async t => {
  const parent = t.testdir({ empty: {} })
  await t.rejects(openLevelDb(join(parent, 'none'), { create: false }), {
    code: 'STORE_MISSING',
    remedy: /init/
  })
  await t.rejects(openLevelDb(join(parent, 'empty'), { create: false }), { code: 'STORE_MISSING' })
  t.strictSame(await readdir(parent), ['empty'])
  t.strictSame(await readdir(join(parent, 'empty')), [])
})

t.test('a file in the way', async t => {
  const folder = t.testdir({ file: 'x' })
  await t.rejects(openLevelDb(join(folder, 'file'), { create: true }), { code: 'STORE_PERMISSION' })
  await t.rejects(openLevelDb(join(folder, 'file', 'below'), { create: true }), { code: 'STORE_PERMISSION' })
})

t.test('a damaged MANIFEST or CURRENT: STORE_CORRUPT', async t => {
  const folder = t.testdir()
  const database = await openLevelDb(folder, { create: true })
  await database.batch([put(1)], { sync: true })
  await database.close()
  const manifest = join(folder, (await readdir(folder)).find(name => name.startsWith('MANIFEST-'))!)
  const whole = await readFile(manifest)
  const flipped = Uint8Array.from(whole)
  flipped[9]! ^= 1
  await writeFile(manifest, flipped)
  await t.rejects(openLevelDb(folder, { create: false }), { code: 'STORE_CORRUPT', remedy: /verify/ })
  await writeFile(manifest, whole)
  await writeFile(join(folder, 'CURRENT'), 'MANIFEST-999999\n')
  await t.rejects(openLevelDb(folder, { create: false }), {
    code: 'STORE_CORRUPT',
    message: 'names MANIFEST-999999, which is missing',
    remedy: basename(manifest),
    data: { file: 'CURRENT' }
  })
  await writeFile(join(folder, 'CURRENT'), 'garbage\n')
  await t.rejects(openLevelDb(folder, { create: false }), {
    code: 'STORE_CORRUPT',
    message: 'does not name a MANIFEST',
    remedy: basename(manifest)
  })
})

t.test('what the disk says, as codes', async t => {
  const level = (code: string, message: string): Error =>
    Object.assign(new Error('Database failed to open'), {
      code: 'LEVEL_DATABASE_NOT_OPEN',
      cause: Object.assign(new Error(message), { code })
    })
  const cases: [Error, string][] = [
    [level('LEVEL_IO_ERROR', 'IO error: /x/000012.log: No space left on device'), 'STORE_FULL'],
    [Object.assign(new Error('write'), { code: 'ENOSPC' }), 'STORE_FULL'],
    [level('LEVEL_IO_ERROR', 'IO error: /x/LOCK: Permission denied'), 'STORE_PERMISSION'],
    [level('LEVEL_IO_ERROR', 'IO error: /x/LOCK: Read-only file system'), 'STORE_PERMISSION'],
    [Object.assign(new Error('open'), { code: 'EROFS' }), 'STORE_PERMISSION'],
    [Object.assign(new Error('mkdir'), { code: 'EACCES' }), 'STORE_PERMISSION'],
    [level('LEVEL_CORRUPTION', 'Corruption: 3 missing files; e.g.: /x/000005.ldb'), 'STORE_CORRUPT'],
    [level('LEVEL_IO_ERROR', 'IO error: /x/000005.ldb: No such file or directory'), 'STORE_CORRUPT'],
    [level('LEVEL_IO_ERROR', 'IO error: /x/000005.ldb: Input/output error'), 'STORE_IO'],
    [new Error('anything else'), 'STORE_IO']
  ]
  for (const [error, code] of cases) {
    const failure = failureOf(error, '/x')
    t.equal(failure.code, code, error.message)
    t.ok(failure.remedy)
    t.equal(failure.cause, error)
  }
  t.equal(failureOf(cases[0]![0], '/x').data.file, '000012.log')
  for (const [error] of cases.slice(3, 5))
    t.match(failureOf(error, '/x'), { message: /is read-only/, remedy: /Mount it/ })
  const known = new MeshError('STORE_LOCKED', 'x')
  t.equal(failureOf(known, '/x'), known)
})

t.test('a disk that fills up: STORE_FULL, no more writes, and every acknowledged value is there', async t => {
  const folder = t.testdir()
  // A limit on the size of a file stands in for a full disk: the write stops in the middle of a record.
  const filler = new URL('./fixtures/filler.ts', import.meta.url).pathname
  const script = `ulimit -f 1000; exec "$0" "$1" "$2"`
  const child = spawn('bash', ['-c', script, process.execPath, filler, folder], {
    // Not tap's environment: its hooks end the process at the signal that the limit sends.
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  await once(child, 'close')
  const { acknowledged, first, second } = JSON.parse(output)
  t.equal(first, 'STORE_FULL')
  t.equal(second, 'STORE_FULL', 'the next write is refused, though it would fit')
  t.ok(acknowledged > 5, `${acknowledged} values`)
  const { findings, notes } = await scanLevelDb(folder)
  t.strictSame(findings, [])
  t.equal(notes.length, 1, 'the write that did not fit')
  const database = await openLevelDb(folder, { create: false })
  for (let key = 0; key < acknowledged; key++) {
    if ((await database.get(Uint8Array.of(key)))?.length !== 40_000) t.fail(`value ${key}`)
  }
  await database.close()
})

t.test('values of many sizes survive a compaction', async t => {
  const folder = t.testdir()
  const database = await openLevelDb(folder, { create: true })
  for (let key = 0; key < 60; key++) await database.batch([put(key, 40_000 + key)], { sync: false })
  await database.compact()
  for (let key = 0; key < 60; key++) {
    const value = (await database.get(Uint8Array.of(key)))!
    if (value.length !== 40_000 + key || value.some(byte => byte !== key)) t.fail(`value ${key}`)
  }
  await database.close()
  t.ok((await readdir(folder)).some(name => name.endsWith('.ldb')))
})
