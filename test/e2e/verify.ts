/**
 * What `gradmesh verify` promises: a finished folder holds; after a flip in any live value, its checksum
 * rewritten or not, it does not, and the height is named; after a flip anywhere in the files of its
 * databases the file is named or every live value is as it was; a chain below what `safety/` has seen
 * never holds.
 *
 * `SEED=n FLIPS=n tap test/e2e/verify.ts` draws other places, and more of them.
 */
import { cp, mkdtemp, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatBytes, MeshError, Prng, sha256, silentLogger, toHex, u32 } from '@gradmesh/core'
import { ensureKey, makeGenesis, type Peer, settleFolder, startPeer, verifyFolder } from '@gradmesh/peer'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { openTask } from '@gradmesh/train'
import t, { type Test } from 'tap'
import { withoutAdapter } from './harness.ts'

const ROUNDS = 18
const seed = process.env.SEED ?? '1'
const FLIPS = Number(process.env.FLIPS ?? 200)
const SEAL_BYTES = 8
const EVERYTHING = { from: new Uint8Array(0), to: new Uint8Array(64).fill(0xff) }

const skip = await withoutAdapter()
t.setTimeout(600_000)

/** One peer is a mesh too. */
const startAlone = (folder: string): Promise<Peer> =>
  startPeer({
    folder,
    http: { host: '127.0.0.1', port: 0 },
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    mdns: false,
    adapter: null,
    dataset: null,
    train: true,
    label: 'alone',
    evaluateEvery: 100,
    logger: silentLogger
  })

t.test('verify', { skip: skip ?? false }, async t => {
  const dir = await mkdtemp(join(tmpdir(), 'gradmesh-verify-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const whole = join(dir, 'whole')
  const young = join(dir, 'young')
  const keys = await ensureKey(whole)
  const genesis = makeGenesis({
    name: 'verify',
    task: openTask({ id: 'digits', options: {} }),
    validators: [keys.publicKey],
    seed,
    rounds: ROUNDS
  })
  await settleFolder(whole, genesis, keys)

  let peer = await startAlone(whole)
  while ((peer.view.ledger?.final.height ?? 0) < ROUNDS / 3)
    await new Promise(resolve => setTimeout(resolve, 20))
  await t.rejects(verifyFolder(whole), { code: 'STORE_LOCKED' }, 'a running peer has its folder locked')
  await peer.stop()
  await cp(whole, young, { recursive: true })
  peer = await startAlone(whole)
  const { root, height } = await peer.finished
  await peer.stop()

  const copy = join(dir, 'copy')
  const fresh = async (): Promise<string> => {
    await rm(copy, { recursive: true, force: true })
    await cp(whole, copy, { recursive: true })
    return copy
  }

  const report = await verifyFolder(await fresh())
  t.strictSame(report.findings, [])
  t.match(report, { ok: true, height, round: ROUNDS, root }, 'the finished folder holds')
  t.equal((await verifyFolder(copy)).ok, true, 'and holds again')

  await t.test('flips in values', async t => flipValues(t, await fresh(), height))
  await t.test('flips in files', async t => flipFiles(t, whole, fresh))
  await t.test('rolled back, swapped, missing', async t => swaps(t, dir, young, fresh))
})

type Entry = readonly [key: Uint8Array, value: Uint8Array]

const entriesOf = async (folder: string): Promise<Entry[]> => {
  const database = await openLevelDb(folder, { create: false })
  try {
    const entries: Entry[] = []
    // LevelDB hands out Buffers, whose slices share their memory.
    for await (const [key, value] of database.entries(EVERYTHING))
      entries.push([Uint8Array.from(key), Uint8Array.from(value)])
    return entries
  } finally {
    await database.close()
  }
}

const write = async (folder: string, key: Uint8Array, value: Uint8Array): Promise<void> => {
  const database = await openLevelDb(folder, { create: false })
  try {
    await database.batch([{ type: 'put', key, value }], { sync: true })
  } finally {
    await database.close()
  }
}

/** The checksum that the store puts behind each value. */
const sealed = (key: Uint8Array, value: Uint8Array): Uint8Array =>
  concatBytes(value, sha256(u32(key.length), key, value).subarray(0, SEAL_BYTES))

const nameOf = (key: Uint8Array): string => `${String.fromCharCode(key[0]!)} ${toHex(key.subarray(1, 7))}`

/** Values whose checksum is all that speaks for them: the peer's own error buffer is nobody else's business. */
const PRIVATE = 'Eem'

const flipValues = async (t: Test, folder: string, head: number): Promise<void> => {
  const prng = new Prng(`verify/values/${seed}`)
  const outcomes = new Map<string, number>()
  const missed: string[] = []
  for (const database of ['chain', 'safety'] as const) {
    const path = join(folder, database)
    const byLetter = Map.groupBy(await entriesOf(path), ([key]) => String.fromCharCode(key[0]!))
    for (const [letter, entries] of byLetter) {
      for (const resealed of [false, true]) {
        if (resealed && (PRIVATE.includes(letter) || database === 'safety')) continue
        for (let n = 0; n < 2; n++) {
          const [key, stored] = entries[prng.below(entries.length)]!
          const value = stored.slice(0, stored.length - SEAL_BYTES)
          const changed = resealed ? value.slice() : stored.slice()
          changed[prng.below(changed.length)]! ^= 1 << prng.below(8)
          await write(path, key, resealed ? sealed(key, changed) : changed)
          const { ok, findings } = await verifyFolder(folder)
          await write(path, key, stored)
          const isNamed = findings.some(({ where }) =>
            where.startsWith(database === 'chain' ? 'height ' : 'safety')
          )
          const what = `${database} ${nameOf(key)}${resealed ? ' with its checksum' : ''}`
          if (ok || !isNamed) missed.push(`${what}: ${JSON.stringify(findings)}`)
          const outcome = `${database}/${letter}${resealed ? '*' : ''}`
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        }
      }
    }
  }
  t.strictSame(missed, [], 'each makes verify fail and name the height')
  t.comment(
    `${[...outcomes.values()].reduce((a, b) => a + b)} flips (* checksum rewritten): ${[...outcomes.keys()].join(' ')}`
  )
  const report = await verifyFolder(folder)
  t.strictSame(report.findings, [], 'all was put back')
  t.equal(report.height, head)
}

const flipFiles = async (t: Test, whole: string, fresh: () => Promise<string>): Promise<void> => {
  const prng = new Prng(`verify/files/${seed}`)
  const before = await digestOf(await fresh())
  const files: string[] = []
  for (const database of ['chain', 'safety']) {
    const names = await readdir(join(whole, database))
    files.push(...names.filter(isData).map(name => join(database, name)))
  }
  const outcomes = new Map<string, number>()
  const wrong: string[] = []
  let folder = await fresh()
  for (let n = 0; n < FLIPS; n++) {
    // Every file in turn, its beginning and its end more often than chance would.
    const file = files[n % files.length]!
    const { size } = await stat(join(folder, file))
    if (size === 0) continue
    const place = prng.below(4)
    const at =
      place === 0
        ? prng.below(Math.min(64, size))
        : place === 1
          ? size - 1 - prng.below(Math.min(64, size))
          : prng.below(size)
    const bit = prng.below(8)
    await flip(join(folder, file), at, bit)
    let outcome: string
    const report = await verifyFolder(folder).catch((error: unknown) => error)
    if (report instanceof MeshError) outcome = `refused ${report.code}`
    else if (report instanceof Error) outcome = `threw ${report.message}`
    else if (!(report as { ok: boolean }).ok) outcome = 'named'
    else outcome = (await digestOf(folder)) === before ? 'every value intact' : 'LOST'
    const named = JSON.stringify(report).includes(file.split('/').at(-1)!) || outcome.startsWith('refused')
    if (outcome === 'LOST' || outcome.startsWith('threw') || (outcome === 'named' && !named))
      wrong.push(`${file} byte ${at} of ${size} bit ${bit}: ${outcome} ${JSON.stringify(report)}`)
    const kind = `${/(ldb|log|MANIFEST|CURRENT|high-water|error)/.exec(file)?.[0]}: ${outcome}`
    outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1)
    // Where verify went as far as to open the databases, LevelDB has rewritten their files.
    if (outcome === 'named') await flip(join(folder, file), at, bit)
    if (outcome !== 'named' || !(await isSame(folder, whole, files))) folder = await fresh()
  }
  t.strictSame(wrong, [], 'each is named, or no live value has changed')
  t.comment(
    [...outcomes]
      .map(([kind, count]) => `${kind} ${count}`)
      .sort()
      .join(', ')
  )
}

const isData = (name: string): boolean =>
  /\.(ldb|log)$|^MANIFEST-|^CURRENT$|^high-water$|^error-[01]$/.test(name)

const flip = async (path: string, at: number, bit: number): Promise<void> => {
  const handle = await open(path, 'r+')
  try {
    const byte = new Uint8Array(1)
    await handle.read(byte, 0, 1, at)
    byte[0]! ^= 1 << bit
    await handle.write(byte, 0, 1, at)
  } finally {
    await handle.close()
  }
}

const isSame = async (folder: string, whole: string, files: readonly string[]): Promise<boolean> => {
  for (const file of files) {
    const size = await stat(join(folder, file)).then(
      ({ size }) => size,
      () => -1
    )
    if (size !== (await stat(join(whole, file))).size) return false
  }
  return true
}

/** Of all live keys and values, counted without the store. */
const digestOf = async (folder: string): Promise<string> => {
  const parts: Uint8Array[] = []
  for (const database of ['chain', 'safety']) {
    for (const [key, value] of await entriesOf(join(folder, database))) parts.push(sha256(key), sha256(value))
  }
  return toHex(sha256(...parts))
}

const swaps = async (t: Test, dir: string, young: string, fresh: () => Promise<string>): Promise<void> => {
  const put = async (folder: string, name: string, from: string): Promise<void> => {
    await rm(join(folder, name), { recursive: true })
    await cp(join(from, name), join(folder, name), { recursive: true })
  }
  let folder = await fresh()
  await put(folder, 'chain', young)
  const rolledBack = await verifyFolder(folder)
  t.equal(rolledBack.ok, false, 'an older copy of chain/')
  t.match(rolledBack.findings[0]?.where, /^height \d+$/, 'names the height')

  folder = await fresh()
  await put(folder, 'safety', young)
  t.equal((await verifyFolder(folder)).ok, true, 'an older safety/ has seen less; this peer cannot tell')

  folder = await fresh()
  await rm(join(folder, 'safety'), { recursive: true })
  t.match(await verifyFolder(folder), {
    ok: false,
    findings: [{ where: 'safety', what: 'the folder is missing' }]
  })

  folder = await fresh()
  await rm(join(folder, 'safety', 'high-water'))
  t.equal((await verifyFolder(folder)).ok, false, 'without the high-water file')

  const other = join(dir, 'other')
  const otherKeys = await ensureKey(other)
  const genesis = makeGenesis({
    name: 'other',
    task: openTask({ id: 'digits', options: {} }),
    validators: [otherKeys.publicKey],
    rounds: 1
  })
  await settleFolder(other, genesis, otherKeys)
  folder = await fresh()
  await put(folder, 'safety', other)
  t.match(await verifyFolder(folder), { ok: false, findings: [{ where: 'key', what: /another key/ }] })

  folder = await fresh()
  await put(folder, 'genesis', other)
  t.match(await verifyFolder(folder), { ok: false, findings: [{ what: /another genesis/ }] })

  folder = await fresh()
  await rm(join(folder, 'chain', 'CURRENT'))
  t.match(await verifyFolder(folder), { ok: false, findings: [{ where: 'chain/CURRENT' }] })

  const empty = join(dir, 'empty')
  await t.rejects(verifyFolder(empty), { code: 'GENESIS_MISSING' }, 'no folder at all')
  await writeFile(empty, 'a file')
  await t.rejects(verifyFolder(empty), { code: 'GENESIS_MISSING' }, 'a file')
  folder = await fresh()
  await rename(join(folder, 'chain'), join(folder, 'moved'))
  t.match(await verifyFolder(folder), {
    ok: false,
    findings: [{ where: 'chain', what: 'the folder is missing' }]
  })
}
