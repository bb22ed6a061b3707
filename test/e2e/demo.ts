/**
 * The README's first command as a user types it: four processes, real training, one summary. Then the
 * ways it can be told to stop, and what it refuses.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@gradmesh/core'
import { verifyFolder } from '@gradmesh/peer'
import { openTask } from '@gradmesh/train'
import t from 'tap'
import { pause, withoutAdapter } from './harness.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PEERS = 4
const PORT_BASE = 20_480
const PORTS = [...Array(PEERS).keys()].flatMap(i => [PORT_BASE + i, PORT_BASE + 10 + i])
const STOP_SECONDS_MAX = 2
const skip = (await withoutAdapter()) ?? false

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process group of its own, so that a test can do what a terminal does with Ctrl-C. */
class Start {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''

  constructor(words: readonly string[]) {
    const all = ['start', '--silent', '--', '--port-base', String(PORT_BASE), ...words]
    // Not with the hooks that tap hands down: what a user starts has none.
    this.#child = spawn('env', ['-u', 'NODE_OPTIONS', 'npm', ...all], {
      cwd: ROOT,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe']
    })
    this.#child.stdout?.setEncoding('utf8').on('data', text => {
      this.#stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', text => {
      this.#stderr += text
    })
    this.ended = once(this.#child, 'close').then(([code]) => ({
      code,
      stdout: this.#stdout,
      stderr: this.#stderr
    }))
  }

  /** Resolves when its progress matches. */
  async says(pattern: RegExp): Promise<void> {
    const gone = this.ended.then(({ stderr }) =>
      Promise.reject(new Error(`it ended before ${pattern}:\n${stderr}`))
    )
    gone.catch(() => {})
    while (!pattern.test(this.#stderr)) await Promise.race([pause(50), gone])
  }

  signal(signal: NodeJS.Signals, whom: 'group' | 'first'): void {
    process.kill(whom === 'group' ? -this.#child.pid! : this.#child.pid!, signal)
  }
}

const arePortsFree = async (): Promise<boolean> => (await Promise.all(PORTS.map(isFree))).every(free => free)

const isFree = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

t.test('npm start trains to its target, and all peers end with one root', { skip }, async t => {
  const data = join(t.testdir(), 'run')
  const { code, stdout, stderr } = await new Start(['--json', '--seed', '1', '--data', data]).ended
  const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  t.comment(stdout)
  t.equal(code, 0, stderr)
  t.match(result, {
    ok: true,
    accuracy: Number,
    rounds: openTask({ id: 'digits', options: {} }).recipe.rounds,
    seconds: Number,
    deltaBytesPerPeerRound: Number,
    denseBytesPerPeerRound: 4 * (784 * 256 + 256 + 256 * 10 + 10),
    consensusBytesPerPeerRound: Number,
    finalityMsP50: Number,
    finalityMsP99: Number,
    samplesPerSecond: Number,
    adapter: String
  })
  t.equal(result.roots.length, PEERS)
  t.equal(new Set(result.roots).size, 1)
  t.ok(result.accuracy >= 0.95, `accuracy ${result.accuracy}`)
  t.ok(
    result.deltaBytesPerPeerRound * 150 <= result.denseBytesPerPeerRound,
    `delta ${result.deltaBytesPerPeerRound} bytes`
  )
  t.ok(
    result.consensusBytesPerPeerRound > 0 &&
      result.finalityMsP50 > 0 &&
      result.finalityMsP99 >= result.finalityMsP50
  )
  t.match(stderr, /All 4 peers hold the same state/)
  t.match(stderr, /peer-3 +[0-9a-f]{12} +1,000,000/, 'stake and reward of each')
  t.ok(await arePortsFree(), 'nothing listens any more')
  t.match(
    await verifyFolder(join(data, 'peer-2')),
    { ok: true, root: result.roots[2] },
    'a kept folder can be replayed'
  )

  const again = await new Start(['--data', data]).ended
  t.equal(again.code, 1)
  t.match(again.stderr, /DEMO_FOLDER_USED[\s\S]*what to do/)
})

t.test('too few rounds end without success, and say so', { skip }, async t => {
  const { code, stdout, stderr } = await new Start([
    '--rounds',
    '1',
    '--peers',
    '2',
    '--json',
    '--data',
    join(t.testdir(), 'run')
  ]).ended
  const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  t.equal(code, 1)
  t.match(result, { ok: false, rounds: 1 })
  t.equal(new Set(result.roots).size, 1)
  t.match(stderr, /not met/)
})

for (const [when, pattern] of [
  ['while peers start', /Ctrl-C stops everything/],
  ['during training', /round [1-9]/]
] as const) {
  t.test(`Ctrl-C ${when} stops everything`, { skip }, async t => {
    const data = join(t.testdir(), 'run')
    const run = new Start(['--data', data])
    await run.says(pattern)
    const start = systemClock.nowMs()
    run.signal('SIGINT', 'group')
    const { stderr } = await run.ended
    const seconds = (systemClock.nowMs() - start) / 1000
    t.ok(seconds <= STOP_SECONDS_MAX, `stopped within ${seconds.toFixed(2)} s`)
    t.ok(await arePortsFree(), 'no process is left')
    t.notMatch(stderr, /^\s+at /m, 'no stack trace')
    for (let i = 0; i < PEERS; i++) {
      const report = await verifyFolder(join(data, `peer-${i}`)).catch(error => ({ ok: error.code }))
      t.not(report.ok, 'STORE_LOCKED', `no lock is left in peer-${i}`)
    }
  })
}

t.test('a demo that dies takes its peers with it', { skip }, async t => {
  const run = new Start(['--data', join(t.testdir(), 'run')])
  await run.says(/round [1-9]/)
  run.signal('SIGKILL', 'group')
  await run.ended
  const start = systemClock.nowMs()
  while (!(await arePortsFree()) && systemClock.nowMs() - start < 5000) await pause(100)
  t.ok(await arePortsFree(), 'no process is left')
})

t.test('ports in use are named before anything starts', { skip }, async t => {
  const server = createServer().listen(PORT_BASE + 11, '127.0.0.1')
  await once(server, 'listening')
  const { code, stdout, stderr } = await new Start(['--json']).ended
  server.close()
  t.equal(code, 1)
  t.match(JSON.parse(stdout.trim()), {
    ok: false,
    error: { code: 'PORTS_IN_USE', message: new RegExp(String(PORT_BASE + 11)) }
  })
  t.match(stderr, /what to do/)
})
