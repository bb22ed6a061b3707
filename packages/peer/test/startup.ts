/** What keeps a peer from starting has a name and a remedy, costs nothing, and is over when it is repaired. */
import { chmod, cp, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshError, silentLogger } from '@gradmesh/core'
import { openSafety } from '@gradmesh/store'
import { listAdapters } from '@gradmesh/tensor'
import { openTask } from '@gradmesh/train'
import { encodeGenesis, type Genesis, type KeyPair } from '@gradmesh/wire'
import t, { type Test } from 'tap'
import {
  ensureKey,
  makeGenesis,
  type NodeOptions,
  settleFolder,
  startPeer,
  verifyFolder
} from '../src/index.ts'

const ROUNDS = 3
t.setTimeout(120_000)

const DIGITS = openTask({ id: 'digits', options: {} })

const optionsIn = (folder: string): NodeOptions => ({
  folder,
  http: { host: '127.0.0.1', port: 0 },
  listen: ['/ip4/127.0.0.1/tcp/0'],
  bootstrap: [],
  mdns: false,
  adapter: null,
  dataset: null,
  train: true,
  label: 'startup',
  evaluateEvery: 100,
  logger: silentLogger
})

const genesisOf = (keys: KeyPair, change: Partial<Genesis> = {}): Genesis => ({
  ...makeGenesis({
    name: 'startup',
    task: DIGITS,
    validators: [keys.publicKey],
    seed: 'startup',
    rounds: ROUNDS
  }),
  ...change
})

/** Runs it to its end: the ledger that nothing may cost. */
const finish = async (options: NodeOptions): Promise<{ root: string; height: number }> => {
  const peer = await startPeer(options)
  try {
    const { root, height } = await peer.finished
    return { root, height }
  } finally {
    await peer.stop()
  }
}

const listenOn = (): Promise<{ server: Server; port: number }> =>
  new Promise(resolve => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 })
    })
  })

const skip = (await listAdapters()).length > 0 ? false : 'this machine has no WebGPU adapter'

t.test('what keeps a peer from starting', { skip }, async t => {
  const dir = await mkdtemp(join(tmpdir(), 'gradmesh-startup-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const folder = join(dir, 'peer')
  const keys = await ensureKey(folder)
  await settleFolder(folder, genesisOf(keys), keys)
  const options = optionsIn(folder)
  const ledger = await finish(options)
  const { server, port } = await listenOn()
  t.teardown(() => server.close())

  /** Refused with this code, and with the cause gone the same ledger is there, unlocked and whole. */
  const refuses = async (
    t: Test,
    code: string | RegExp,
    change: Partial<NodeOptions>,
    damage: () => Promise<() => Promise<void>> = async () => async () => {}
  ): Promise<void> => {
    const repair = await damage()
    const before = performance.now()
    const error = await startPeer({ ...options, ...change }).then(
      async peer => {
        await peer.stop()
        return 'it started'
      },
      (error: unknown) => error
    )
    t.ok(error instanceof MeshError, `${error}`)
    if (error instanceof MeshError) {
      t.match(error.code, code)
      t.ok(error.remedy, `with a remedy: ${error.remedy}`)
      t.notMatch(error.message, /\n\s+at /, 'without a stack in its message')
    }
    t.ok(performance.now() - before < 20_000, 'at once')
    await repair()
    t.match(await verifyFolder(folder), { ok: true, ...ledger }, 'nothing was lost, nothing is locked')
  }

  const moved = (name: string, instead?: string | Uint8Array) => async (): Promise<() => Promise<void>> => {
    const path = join(folder, name)
    await rename(path, `${path}.kept`)
    if (instead !== undefined) await writeFile(path, instead, { mode: 0o600 })
    return async () => {
      await rm(path, { recursive: true, force: true })
      await rename(`${path}.kept`, path)
    }
  }

  await t.test('HTTP port in use', t => refuses(t, 'HTTP_PORT_IN_USE', { http: { host: '127.0.0.1', port } }))
  await t.test('HTTP address of another machine', t =>
    refuses(t, 'HTTP_ADDRESS_UNKNOWN', { http: { host: '192.0.2.1', port: 0 } })
  )
  await t.test('port for peers in use', t =>
    refuses(t, 'NET_PORT_IN_USE', { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
  )
  await t.test('no address to listen on', t => refuses(t, 'NET_BAD_ADDRESS', { listen: ['localhost:4190'] }))
  await t.test('no address to call', t => refuses(t, 'NET_BAD_ADDRESS', { bootstrap: ['http://127.0.0.1'] }))
  await t.test('no adapter of that name', t => refuses(t, 'GPU_ADAPTER_NAME', { adapter: 'no such adapter' }))
  await t.test('no key', t => refuses(t, 'KEY_MISSING', {}, moved('key')))
  await t.test('a key that is none', t => refuses(t, 'KEY_UNREADABLE', {}, moved('key', 'not a key\n')))
  await t.test('a key that is a folder', t =>
    refuses(t, 'KEY_UNREADABLE', {}, async () => {
      const back = await moved('key')()
      await cp(join(folder, 'safety'), join(folder, 'key'), { recursive: true })
      return back
    })
  )
  await t.test('the key of another', t =>
    refuses(t, 'SAFETY_OTHER_KEY', {}, moved('key', `${'07'.repeat(32)}\n`))
  )
  await t.test('no genesis', t => refuses(t, 'GENESIS_MISSING', {}, moved('genesis')))
  await t.test('a genesis that is none', t =>
    refuses(t, 'GENESIS_INVALID', {}, moved('genesis', 'not a genesis'))
  )
  const another = (change: Partial<Genesis>): Uint8Array => encodeGenesis(genesisOf(keys, change))
  await t.test('the genesis of another mesh', t =>
    refuses(t, 'STORE_EXISTS', {}, moved('genesis', another({ name: 'other' })))
  )
  await t.test('a task that this release does not have', t =>
    refuses(
      t,
      'TASK_UNKNOWN',
      {},
      moved('genesis', another({ task: { id: 'chess', digest: null, options: {} } }))
    )
  )
  await t.test('a task with other tensors', t =>
    refuses(
      t,
      'GENESIS_TASK',
      {},
      moved('genesis', another({ tensors: genesisOf(keys).tensors.slice(0, 2) }))
    )
  )
  await t.test('sealed deltas', t =>
    refuses(t, 'GENESIS_UNSUPPORTED', {}, moved('genesis', another({ privacy: 'sealed' })))
  )
  await t.test('no safety', t => refuses(t, 'STORE_MISSING', {}, moved('safety')))
  await t.test('a chain below what safety has seen', t =>
    refuses(t, 'CHAIN_BELOW_SAFETY', {}, async () => {
      const path = join(folder, 'safety')
      await cp(path, `${path}.kept`, { recursive: true })
      const safety = await openSafety(path)
      await safety.recordFinal(ledger.height + 1, new Uint8Array(32))
      await safety.close()
      return async () => {
        await rm(path, { recursive: true, force: true })
        await rename(`${path}.kept`, path)
      }
    })
  )
  for (const [database, file] of [
    ['chain', /^MANIFEST-/],
    ['chain', /^CURRENT$/],
    ['chain', /\.ldb$/],
    ['safety', /^MANIFEST-/],
    ['safety', /^high-water$/]
  ] as const) {
    await t.test(`${file} of ${database} is damaged`, t =>
      refuses(t, /^STORE_(CORRUPT|SAFETY_MISMATCH)$/, {}, () => scratched(join(folder, database), file))
    )
  }
  await t.test('a running peer has its folder to itself', async t => {
    const peer = await startPeer(options)
    await t.rejects(startPeer(options), { code: 'STORE_LOCKED' })
    await peer.stop()
  })
  t.match(await finish(options), ledger, 'and in the end it starts as it always did')
})

/** Damages a file in a copy of its folder's place, and puts the folder back as it was. */
const scratched = async (folder: string, name: RegExp): Promise<() => Promise<void>> => {
  await cp(folder, `${folder}.kept`, { recursive: true })
  const file = join(folder, (await readdir(folder)).find(entry => name.test(entry))!)
  const content = await readFile(file)
  await chmod(file, 0o600)
  const handle = await open(file, 'r+')
  await handle.write(
    Uint8Array.from(content, byte => byte ^ 0x55),
    0,
    content.length,
    0
  )
  await handle.close()
  return async () => {
    await rm(folder, { recursive: true })
    await rename(`${folder}.kept`, folder)
  }
}
