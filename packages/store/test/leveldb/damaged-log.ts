/**
 * What opening makes of a log that is not whole: what a crash leaves is opened, with everything that was synced before;
 * damage is refused, and the folder left as it was. LevelDB opens both.
 */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError, Prng, sha256, toHex } from '@gradmesh/core'
import { Level } from 'level'
import t from 'tap'
import { openLevelDb } from '../../src/leveldb.ts'
import { put } from '../../src/sealed.ts'

const LOG = '000003.log'
const EVERYTHING = { from: new Uint8Array(0), to: Uint8Array.of(255) }
const prng = new Prng('damaged log')

interface Written {
  readonly folder: string
  readonly log: Uint8Array
  /** Where the log ended after each synced batch, and so what was durable. */
  readonly ends: readonly number[]
}

/** One synced batch of each of these sizes, under the keys 0, 1, 2, …, still in the log. */
const write = async (folder: string, sizes: readonly number[]): Promise<Written> => {
  const database = await openLevelDb(folder, { create: true })
  const ends: number[] = []
  for (const [key, size] of sizes.entries()) {
    await database.batch([put(Uint8Array.of(key), prng.bytes(size))], { sync: true })
    ends.push((await readFile(join(folder, LOG))).length)
  }
  await database.close()
  return { folder, log: new Uint8Array(await readFile(join(folder, LOG))), ends }
}

let copies = 0

/** Opens a copy of the folder with this log in the other's place: how many batches are there, or why it is refused. */
const open = async ({ folder }: Written, log: Uint8Array): Promise<number | MeshError> => {
  const copy = `${folder}-${copies++}`
  await cp(folder, copy, { recursive: true })
  await writeFile(join(copy, LOG), log)
  const before = await digestOf(copy)
  try {
    const database = await openLevelDb(copy, { create: false })
    let count = 0
    for await (const [key] of database.entries(EVERYTHING)) if (key[0] === count) count++
    await database.close()
    return count
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    if ((await digestOf(copy)) !== before) throw new Error('a refusal changed the folder')
    return error
  }
}

const digestOf = async (folder: string): Promise<string> => {
  const parts = (await readdir(folder)).sort().map(async name => [name, await readFile(join(folder, name))])
  return toHex(sha256(new TextEncoder().encode(JSON.stringify(await Promise.all(parts)))))
}

const isRefused = (outcome: number | MeshError): boolean =>
  outcome instanceof MeshError &&
  outcome.code === 'STORE_CORRUPT' &&
  outcome.data.file === LOG &&
  typeof outcome.data.byte === 'number' &&
  /Move `chain` away/.test(outcome.remedy ?? '')

const each = async <T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> => {
  const rest = [...items]
  const worker = async (): Promise<void> => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await run(item)
  }
  await Promise.all(Array.from({ length: 24 }, worker))
}

const flipped = (log: Uint8Array, at: number, bits: number): Uint8Array => {
  const changed = log.slice()
  changed[at]! ^= bits
  return changed
}

const zeroed = (log: Uint8Array, from: number, to = log.length): Uint8Array => log.slice().fill(0, from, to)

t.test('a flip in any byte, also of the last record, is refused', async t => {
  const written = await write(join(t.testdir(), 'db'), [3, 40, 0, 20, 11])
  const wrong: string[] = []
  await each([...written.log.keys()], async at => {
    const bits = 1 << prng.below(8)
    const outcome = await open(written, flipped(written.log, at, bits))
    if (!isRefused(outcome)) wrong.push(`byte ${at}, bits ${bits}: ${outcome}`)
  })
  t.strictSame(wrong, [])
  t.equal(await open(written, written.log), 5)
})

t.test('the message: file, byte, what to do', async t => {
  const written = await write(join(t.testdir(), 'db'), [30, 30, 30])
  const outcome = await open(written, flipped(written.log, written.ends[0]! + 9, 1))
  t.match(outcome, {
    code: 'STORE_CORRUPT',
    message: `${LOG} in ${written.folder}-${copies - 1} is damaged: record at byte ${written.ends[0]}: its checksum does not match`,
    data: { file: LOG, byte: written.ends[0]! }
  })
})

t.test('flips in a log of several blocks', async t => {
  const written = await write(join(t.testdir(), 'db'), [20_000, 50, 40_000, 33_000, 50, 50])
  const wrong: string[] = []
  const places = Array.from({ length: 150 }, () => prng.below(written.log.length))
  await each([...places, 32_761, 32_767, 32_768, 32_775], async at => {
    const outcome = await open(written, flipped(written.log, at, 1 << prng.below(8)))
    if (!isRefused(outcome)) wrong.push(`byte ${at}: ${outcome}`)
  })
  t.strictSame(wrong, [])
})

t.test('cut anywhere, as by a kill or a full disk: opened with all that was synced before', async t => {
  const written = await write(join(t.testdir(), 'db'), [3, 40, 0, 20, 11, 33_000])
  const { log, ends } = written
  const cuts = [...Array(ends[4]! + 40).keys(), 32_760, 32_768, 32_770, 32_775, 32_776, log.length - 1]
  const wrong: string[] = []
  await each(cuts, async cut => {
    const synced = ends.filter(end => end <= cut).length
    const outcome = await open(written, log.subarray(0, cut))
    if (outcome !== synced) wrong.push(`cut at ${cut}: ${outcome} of ${synced}`)
  })
  t.strictSame(wrong, [])
})

t.test('sectors at the end that a power cut left unwritten: opened likewise', async t => {
  const written = await write(join(t.testdir(), 'db'), [300, 700, 5000])
  const { log, ends } = written
  const wrong: string[] = []
  const sectors = Array.from({ length: Math.ceil(log.length / 512) }, (_, sector) => 512 * sector)
  await each([...sectors, ends[0]!, ends[1]!], async from => {
    const synced = ends.filter(end => end <= from).length
    const outcome = await open(written, zeroed(log, from))
    // Within what was synced zeros are damage, if it were not the end of the file: nobody can tell.
    if (outcome !== synced) wrong.push(`zeros from ${from}: ${outcome} of ${synced}`)
  })
  t.strictSame(wrong, [])
  t.equal(await open(written, new Uint8Array([...log, ...new Uint8Array(4096)])), 3, 'allocated ahead')
})

t.test('sound records behind the damage: refused, whatever it looks like', async t => {
  const written = await write(join(t.testdir(), 'db'), [300, 700, 1200, 50, 50])
  const { log, ends } = written
  const cases: Record<string, Uint8Array> = {
    'an unwritten sector': zeroed(log, 1024, 1536),
    'an unwritten begin': zeroed(log, 0, 512),
    'a sector of noise': log.slice(),
    'a length over the end and another checksum': log.slice(),
    'a length that takes in all that follows': log.slice()
  }
  cases['a sector of noise']!.set(prng.bytes(512), 512)
  cases['a length over the end and another checksum']!.set([1, 2, 3, 4, 0xff, 0x70, 1], ends[0]!)
  const length = log.length - ends[0]! + 1000
  cases['a length that takes in all that follows']!.set([length & 0xff, length >> 8], ends[0]! + 4)
  for (const [name, changed] of Object.entries(cases)) {
    t.ok(isRefused(await open(written, changed)), name)
    const zeros = new Uint8Array([...changed, ...new Uint8Array(2048)])
    t.ok(isRefused(await open(written, zeros)), `${name}, and zeros at the end`)
  }
})

t.test('a cut that is not at the end of all that was written', async t => {
  const written = await write(join(t.testdir(), 'db'), [300, 700])
  const newer = join(written.folder, '000009.log')
  await writeFile(newer, new Uint8Array(0))
  t.equal(await open(written, written.log.subarray(0, -5)), 1, 'an empty log behind it: a second crash')
  await writeFile(newer, written.log)
  t.ok(isRefused(await open(written, written.log.subarray(0, -5))), 'records in a newer log')
})

t.test('a MANIFEST whose last edit a full disk cut short', async t => {
  const folder = join(t.testdir(), 'db')
  const database = await openLevelDb(folder, { create: true })
  for (let key = 0; key < 9; key++)
    await database.batch([put(Uint8Array.of(key), prng.bytes(99))], { sync: true })
  const before = `${folder}-before`
  await cp(folder, before, { recursive: true })
  await database.compact()
  await database.close()
  const name = (await readdir(folder)).find(name => name.startsWith('MANIFEST-'))!
  const [old, all] = [await readFile(join(before, name)), await readFile(join(folder, name))]
  t.ok(all.length > old.length, 'the compaction wrote edits')
  for (const more of [1, 8, 20]) {
    const copy = `${folder}-${more}`
    await mkdir(copy)
    await cp(before, copy, { recursive: true })
    await writeFile(join(copy, name), all.subarray(0, old.length + more))
    const opened = await openLevelDb(copy, { create: false })
    for (let key = 0; key < 9; key++) t.ok(await opened.get(Uint8Array.of(key)), `${more} bytes: ${key}`)
    await opened.close()
  }
  await writeFile(join(folder, name), all.subarray(0, old.length + 8))
  await t.rejects(
    openLevelDb(folder, { create: false }),
    { code: 'STORE_CORRUPT' },
    'what the lost edit took away is gone: no crash did that'
  )
})

t.test('LevelDB by itself opens each of them, and loses values', async t => {
  const written = await write(join(t.testdir(), 'db'), [30, 30, 30])
  await writeFile(join(written.folder, LOG), flipped(written.log, 9, 1))
  const level = new Level<Uint8Array, Uint8Array>(written.folder, { keyEncoding: 'view' })
  await level.open()
  t.equal(await level.get(Uint8Array.of(2)), undefined, 'two sound records behind are lost too')
  await level.close()
})
