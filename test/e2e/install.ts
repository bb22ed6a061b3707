/** What a user installs: tarballs of all packages, in an empty folder, whose `gradmesh` joins a running mesh. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t from 'tap'
import { createMesh, until, withoutAdapter } from './harness.ts'

/** Without the hooks that tap hands down to every process that a test starts. */
const plainly = async (command: string, words: readonly string[], cwd?: string): Promise<string> =>
  (
    await promisify(execFile)('env', ['-u', 'NODE_OPTIONS', command, ...words], {
      ...(cwd === undefined ? {} : { cwd })
    })
  ).stdout

const JOIN_MS_MAX = 90_000
const skip = (await withoutAdapter()) ?? false

const folder = t.testdir()
const installed = join(folder, 'installed')
const main = join(installed, 'node_modules', '@gradmesh', 'cli', 'dist', 'main.js')

t.test('the tarballs install into an empty folder', async t => {
  const packages = join(import.meta.dirname, '../../packages')
  const pack = join(packages, 'cli/pack/pack.ts')
  const packed = await plainly(process.execPath, [pack, join(folder, 'tarballs')])
  const tarballs = packed.trim().split('\n')
  t.equal(tarballs.length, (await readdir(packages)).length, 'one a package')
  await mkdir(installed)
  await writeFile(join(installed, 'package.json'), '{ "private": true }\n')
  await plainly('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs], installed)
  t.match(await plainly(process.execPath, [main, '--version']), /^\d+\.\d+\.\d+\n$/)
  t.match(
    await plainly(process.execPath, [main, 'up', '--help']),
    /gradmesh up: run a peer in the foreground/
  )
})

t.test('the installed doctor looks at the adapter in a process of its own', { skip }, async t => {
  const said = await plainly(process.execPath, [
    main,
    'doctor',
    '--json',
    '--data',
    join(folder, 'none')
  ]).catch(({ stdout }: { stdout: string }) => stdout)
  const { checks } = JSON.parse(said) as { checks: { name: string; state: string }[] }
  t.ok(
    checks.some(({ name, state }) => name === 'adapter' && state !== 'bad'),
    said
  )
})

t.test('the installed command joins a running mesh and has a delta accepted', { skip }, async t => {
  const mesh = await createMesh({
    peers: 3,
    rounds: null,
    roundDeadlineMs: 2000,
    innerSteps: 4,
    seed: 'install'
  })
  t.teardown(() => mesh.close())
  for (const peer of mesh.peers) peer.start()
  await until('the mesh closes rounds', 60_000, async () => (await mesh.peers[0]!.height()) >= 3)
  const { ticket } = await mesh.peers[0]!.client.ticket()

  const { folder: data, httpPort, p2pPort } = await mesh.place('newcomer')
  const words = ['join', ticket, '--json', '--data', data, '--port', String(httpPort), '--label', 'newcomer']
  const places = ['--p2p-host', '127.0.0.1', '--p2p-port', String(p2pPort), '--no-mdns']
  const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, main, ...words, ...places], {
    cwd: installed,
    env: { ...process.env, LP_NUM_THREADS: '1' },
    stdio: ['ignore', 'pipe', 'ignore', 'ipc']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const timer = setTimeout(() => child.kill('SIGKILL'), JOIN_MS_MAX)
  let seconds: number | undefined
  for await (const line of createInterface({ input: child.stdout! })) {
    const said = JSON.parse(line) as { event?: string; seconds?: number }
    if (said.event !== 'first-accepted-delta') continue
    seconds = said.seconds
    break
  }
  clearTimeout(timer)
  t.type(seconds, 'number', `the first accepted delta came ${seconds} s after the start`)
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  t.strictSame(await exit, [0, null], 'a clean end')
})
