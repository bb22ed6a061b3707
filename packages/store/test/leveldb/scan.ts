import { mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Prng } from '@gradmesh/core'
import t from 'tap'
import { type Scan, scanLevelDb } from '../../src/leveldb/scan.ts'
import { openLevelDb } from '../../src/leveldb.ts'
import { filesOf, fillFolder, isIntact, type Values } from '../fixtures/level-folder.ts'

const root = t.testdir({ db: {} })
const folder = join(root, 'db')
const KINDS = { table: /\.ldb$/, log: /\.log$/, manifest: /^MANIFEST-/ } as const
const SEED = 11
let values: Values

t.before(async () => {
  values = await fillFolder(folder, SEED)
})

/** The scan of the folder with one file changed for as long as it takes. */
const scanWith = async (name: string, content: Uint8Array, also?: () => Promise<void>): Promise<Scan> => {
  const path = join(folder, name)
  const whole = await readFile(path)
  await writeFile(path, content)
  try {
    const scan = await scanLevelDb(folder)
    if (scan.findings.length === 0) await also?.()
    return scan
  } finally {
    await writeFile(path, whole)
  }
}

const intact = async (): Promise<boolean> => {
  const copy = await mkdtemp(join(root, 'copy-'))
  const result = await isIntact(folder, copy, values)
  await rm(copy, { recursive: true })
  return result
}

t.test('a whole folder has no findings, and it is what a realistic one looks like', async t => {
  const scan = await scanLevelDb(folder)
  t.strictSame(scan.findings, [])
  t.strictSame(scan.notes, [])
  t.ok(scan.files >= 6, `${scan.files} files`)
  t.ok((await filesOf(folder, KINDS.table)).length >= 3, 'several tables')
  t.ok(values.size > 1000, `${values.size} values`)
  t.ok(await intact(), 'the independent recount agrees')
})

for (const [kind, pattern] of Object.entries(KINDS)) {
  t.test(`a flipped bit anywhere in a ${kind}: named, or every live value is intact`, async t => {
    const prng = new Prng(SEED)
    const names = await filesOf(folder, pattern)
    let named = 0
    const wrong: string[] = []
    const FLIPS = 250
    for (let i = 0; i < FLIPS; i++) {
      const name = prng.pick(names)
      const bytes = Uint8Array.from(await readFile(join(folder, name)))
      // The ends are where the formats are subtle: one flip in four falls there.
      const at = prng.oneIn(4)
        ? bytes.length - 1 - prng.below(Math.min(120, bytes.length))
        : prng.below(bytes.length)
      const bit = prng.below(8)
      bytes[at]! ^= 1 << bit
      const scan = await scanWith(name, bytes, async () => {
        if (!(await intact())) wrong.push(`${name} byte ${at} bit ${bit}`)
      })
      if (scan.findings.length === 0) continue
      named++
      if (!scan.findings.some(({ file }) => file === name))
        wrong.push(`${name} byte ${at} bit ${bit}: named another`)
    }
    t.strictSame(wrong, [])
    t.ok(named > FLIPS * 0.8, `${named} of ${FLIPS} named`)
  })
}

t.test('every bit of the lengths in the last block of the newest log', async t => {
  const name = (await filesOf(folder, KINDS.log)).at(-1)!
  const whole = await readFile(join(folder, name))
  const lastBlock = whole.length - (whole.length % 32_768)
  let at = lastBlock
  let tried = 0
  while (at + 7 <= whole.length) {
    for (let bit = 0; bit < 16; bit++) {
      const bytes = Uint8Array.from(whole)
      bytes[at + 4 + (bit >> 3)]! ^= 1 << (bit & 7)
      const { findings } = await scanWith(name, bytes)
      if (!findings.some(({ file }) => file === name)) t.fail(`length at ${at}, bit ${bit}, passed`)
      tried++
    }
    at += 7 + whole.readUInt16LE(at + 4)
  }
  t.ok(tried >= 16, `${tried} flips`)
})

t.test('LevelDB itself would lose values without a word', async t => {
  const name = (await filesOf(folder, KINDS.log)).at(-1)!
  const bytes = Uint8Array.from(await readFile(join(folder, name)))
  bytes[20]! ^= 1
  const path = join(folder, name)
  const whole = await readFile(path)
  await writeFile(path, bytes)
  t.notOk(await intact(), 'which is why the files are read before it opens them')
  await writeFile(path, whole)
})

t.test('every bit of CURRENT', async t => {
  const whole = await readFile(join(folder, 'CURRENT'))
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const bytes = Uint8Array.from(whole)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    const { findings } = await scanWith('CURRENT', bytes)
    if (!findings.some(({ file }) => file === 'CURRENT')) t.fail(`bit ${bit} passed`)
  }
  t.pass(`${whole.length * 8} flips`)
})

t.test('a missing file is named, and a folder without CURRENT is not opened', async t => {
  for (const kind of [...Object.values(KINDS), /^CURRENT$/]) {
    for (const name of await filesOf(folder, kind)) {
      await rename(join(folder, name), join(root, name))
      const { findings } = await scanLevelDb(folder)
      const wanted = kind === KINDS.manifest ? 'CURRENT' : name
      t.ok(
        findings.some(({ file, what }) => file === wanted && /missing/.test(what)),
        name
      )
      if (name === 'CURRENT') {
        for (const create of [true, false]) {
          await t.rejects(openLevelDb(folder, { create }), {
            code: 'STORE_CORRUPT',
            data: { file: 'CURRENT' }
          })
        }
      }
      await rename(join(root, name), join(folder, name))
    }
  }
  await t.rejects(scanLevelDb(join(root, 'none')), { code: 'STORE_MISSING' })
  t.strictSame((await scanLevelDb(folder)).findings, [])
})

t.test('a shortened table or MANIFEST is named', async t => {
  for (const kind of [KINDS.table, KINDS.manifest]) {
    const name = (await filesOf(folder, kind))[0]!
    const whole = await readFile(join(folder, name))
    for (const keep of [0, 10, whole.length >> 1, whole.length - 3]) {
      const { findings } = await scanWith(name, whole.subarray(0, keep))
      t.ok(
        findings.some(({ file }) => file === name),
        `${name} cut to ${keep}`
      )
    }
  }
})

t.test('a newest log that was cut short is said, not held against the folder', async t => {
  const name = (await filesOf(folder, KINDS.log)).at(-1)!
  const path = join(folder, name)
  const whole = await readFile(path)
  for (const cut of [1, 20, 60]) {
    await truncate(path, whole.length - cut)
    const { findings, notes } = await scanLevelDb(folder)
    t.strictSame(findings, [])
    t.equal(notes[0]?.file, name, `${cut} bytes cut`)
    await writeFile(path, whole)
  }
  await writeFile(path, Buffer.concat([whole, Buffer.alloc(64)]))
  t.equal((await scanLevelDb(folder)).notes[0]?.file, name, 'zeros that a disk left behind')
  await writeFile(join(folder, '999999.log'), whole.subarray(0, 100))
  await truncate(path, whole.length - 20)
  t.ok(
    (await scanLevelDb(folder)).findings.some(({ file }) => file === name),
    'an older log may not be cut short'
  )
  await rm(join(folder, '999999.log'))
  await writeFile(path, whole)
})
