/** A peer whose databases are damaged does not start: it says which file, and what to do, and changes nothing in it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureKey, makeGenesis, settleFolder } from '@gradmesh/peer'
import { createChain, openSafety } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { openTask } from '@gradmesh/train'
import { encodeGenesis } from '@gradmesh/wire'
import t, { type Test } from 'tap'

const CLI = join(import.meta.dirname, '../../packages/cli/src/main.ts')

const gradmesh = async (...words: string[]): Promise<{ code: number; output: string }> => {
  const child = spawn(process.execPath, [CLI, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      output += chunk
    })
  const [code] = await once(child, 'close')
  return { code, output }
}

const up = (folder: string): ReturnType<typeof gradmesh> =>
  gradmesh('up', '--data', folder, '--port', '0', '--p2p-port', '0')

/** The folder of a peer that has signed, and holds a chain. */
const prepare = async (t: Test): Promise<string> => {
  const folder = join(t.testdir(), 'peer')
  const keys = await ensureKey(folder)
  const task = openTask({ id: 'digits', options: {} })
  const genesis = makeGenesis({ name: 'damaged', task, validators: [keys.publicKey], rounds: 1 })
  await settleFolder(folder, genesis, keys)
  const chain = await createChain(
    await openLevelDb(join(folder, 'chain'), { create: true }),
    encodeGenesis(genesis)
  )
  for (let i = 0; i < 5; i++) await chain.putMeta(`value-${i}`, new Uint8Array(100).fill(i))
  await chain.close()
  const safety = await openSafety(join(folder, 'safety'))
  for (let height = 1; height < 5; height++) await safety.recordFinal(height, new Uint8Array(32).fill(height))
  await safety.close()
  return folder
}

/** Flips a bit in the middle of its log; answers with the name of that. */
const damage = async (database: string): Promise<{ name: string; bytes: Uint8Array }> => {
  const name = (await readdir(database)).find(name => name.endsWith('.log'))!
  const bytes = await readFile(join(database, name))
  bytes[bytes.length >> 1]! ^= 1
  await writeFile(join(database, name), bytes)
  return { name, bytes }
}

t.test('the log of chain/', async t => {
  const folder = await prepare(t)
  const { name, bytes } = await damage(join(folder, 'chain'))
  for (const attempt of ['first', 'second']) {
    const { code, output } = await up(folder)
    t.equal(code, 1, attempt)
    t.match(output, new RegExp(`STORE_CORRUPT: ${name} in .*chain is damaged: record at byte \\d+`))
    t.match(output, 'Move `chain` away')
    t.equal(output.split('STORE_CORRUPT').length - 1, 1, 'it is said once')
    t.same(await readFile(join(folder, 'chain', name)), bytes, 'it is as it was')
  }
  const log = await readFile(join(folder, 'peer.log'), 'utf8')
  t.match(JSON.parse(log.trim().split('\n').at(-1)!), { level: 50, code: 'STORE_CORRUPT', told: true })
  const verified = await gradmesh('verify', '--data', folder)
  t.equal(verified.code, 1)
  t.match(verified.output, `chain/${name}: record at byte`)
  await rename(join(folder, 'chain'), join(folder, 'chain-damaged'))
  t.notMatch((await gradmesh('verify', '--data', folder)).output, 'record at byte', 'the advice helps')
})

t.test('the log of safety/', async t => {
  const folder = await prepare(t)
  const { name } = await damage(join(folder, 'safety'))
  const { code, output } = await up(folder)
  t.equal(code, 1)
  t.match(output, new RegExp(`STORE_CORRUPT: ${name} in .*safety is damaged`))
  t.match(output, 'must not vote again from this folder')
})
