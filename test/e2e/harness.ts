/**
 * A mesh of real processes: each peer is `gradmesh up` with its own folder and ports on 127.0.0.1. What is
 * known of it is what it says over HTTP. Every process is ended by its id, whatever becomes of the test;
 * a peer also ends itself when the channel to its parent breaks.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Client, createClient, type Receipt, type Status } from '@gradmesh/api'
import { steadyMemory } from '@gradmesh/cli'
import { MeshError, systemClock, toHex } from '@gradmesh/core'
import { type Bases, ensureKey, type GenesisInit, makeGenesis, settleFolder } from '@gradmesh/peer'
import { openTask, type Task } from '@gradmesh/train'
import type { Genesis } from '@gradmesh/wire'

const CLI = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const POLL_MS = 50
/** Below the ports that systems give to outgoing connections, so that nobody takes one while its peer is down. */
const PORT_FROM = 20_000
const PORT_TO = 30_000

export interface MeshOptions {
  readonly peers: number
  /** Null: until it is closed. */
  readonly rounds: number | null
  readonly roundDeadlineMs: number
  /** Of each peer in a round; few make short rounds. The task's own number when left out. */
  readonly innerSteps?: number
  readonly seed: string
  /** The digits when left out. */
  readonly task?: Task
  readonly plugin?: NonNullable<GenesisInit['plugin']> | null
  readonly bases?: Bases
  /** Those of the genesis defaults when left out. */
  readonly epochs?: Genesis['epochs']
  /** More words for `gradmesh up`, for every peer. */
  readonly flags?: readonly string[]
  /** Where each of the peers runs, if not on this host. */
  readonly homes?: (index: number) => Home
}

export interface Mesh {
  readonly genesis: Genesis
  readonly folder: string
  readonly peers: readonly PeerProcess[]
  /** A folder and ports for one more peer. */
  place(name: string, home?: Home): Promise<Place>
  /** Ends every process and removes the folders. */
  close(): Promise<void>
}

/** A host other than this one, such as a network namespace. */
export interface Home {
  /** Where peers there listen, and where others dial them. */
  readonly listen: string
  readonly address: string
  /** What a command line begins with to run there. */
  readonly enter: readonly string[]
  /** Makes that port of its loopback answer on ours. */
  publish(port: number): Promise<void>
  /** Makes a disk for the folder of a peer there, before anything is in it, and takes it away again. */
  mount?(folder: string): Promise<void>
  unmount?(folder: string): Promise<void>
}

interface Place {
  readonly name: string
  readonly home: Home | null
  readonly folder: string
  readonly httpPort: number
  readonly p2pPort: number
}

/** Null where peers can train, else why not. */
export const withoutAdapter = async (): Promise<string | null> => {
  // In a process of its own: the GPU runtime keeps the one alive that has asked.
  const script =
    "const { listAdapters } = await import('@gradmesh/tensor'); console.log((await listAdapters()).length); process.exit()"
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname
  }).catch(() => ({ stdout: '0' }))
  return Number(stdout) > 0 ? null : 'this machine has no WebGPU adapter, and peers train on one'
}

export const createMesh = async ({
  peers: count,
  flags = [],
  homes,
  ...options
}: MeshOptions): Promise<Mesh> => {
  const folder = await mkdtemp(join(tmpdir(), 'gradmesh-e2e-'))
  const taken = new Set<number>()
  const place = async (name: string, home?: Home): Promise<Place> => {
    const httpPort = await freePort(taken)
    await home?.publish(httpPort)
    await home?.mount?.(join(folder, name))
    return { name, home: home ?? null, folder: join(folder, name), httpPort, p2pPort: await freePort(taken) }
  }
  const places: Place[] = []
  for (let i = 0; i < count; i++) places.push(await place(`peer-${i}`, homes?.(i)))
  const keys = await Promise.all(places.map(place => ensureKey(place.folder)))
  const made = makeGenesis({
    name: 'e2e',
    task: openTask({ id: 'digits', options: {} }),
    validators: keys.map(({ publicKey }) => publicKey),
    ...options
  })
  const { innerSteps = made.training.innerSteps, epochs = made.epochs } = options
  const genesis: Genesis = { ...made, epochs, training: { ...made.training, innerSteps } }
  await Promise.all(places.map((place, i) => settleFolder(place.folder, genesis, keys[i]!)))
  const peers = places.map(
    (place, i) =>
      new PeerProcess(place, toHex(keys[i]!.publicKey), [
        ...places.filter(other => other !== place).flatMap(other => ['--bootstrap', addressOf(other)]),
        ...flags
      ])
  )
  return {
    genesis,
    folder,
    peers,
    place,
    async close() {
      await Promise.all([...children].map(end))
      for (const { home, folder: disk } of places) await home?.unmount?.(disk)
      await rm(folder, { recursive: true, force: true })
    }
  }
}

const addressOf = ({ p2pPort, home }: Place): string => `/ip4/${home?.address ?? '127.0.0.1'}/tcp/${p2pPort}`

export class PeerProcess {
  readonly name: string
  readonly key: string
  readonly folder: string
  /** Where other peers dial it. */
  readonly address: string
  readonly url: string
  readonly client: Client
  readonly #place: Place
  readonly #flags: readonly string[]
  #child: ChildProcess | undefined

  constructor(place: Place, key: string, flags: readonly string[]) {
    this.name = place.name
    this.key = key
    this.folder = place.folder
    this.address = addressOf(place)
    this.url = `http://127.0.0.1:${place.httpPort}`
    this.client = createClient(this.url, { timeoutMs: 5000 })
    this.#place = place
    this.#flags = flags
  }

  get pid(): number {
    return this.#running().pid!
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  start(words: readonly string[] = []): void {
    this.#child = runCli(this.#place, ['up', ...this.#flags, ...words])
  }

  /** Runs another command on this peer and its folder; its last line, as JSON. @throws MeshError `E2E_COMMAND` */
  async command(...words: readonly string[]): Promise<Record<string, unknown>> {
    const env = { ...process.env, GRADMESH_DATA: this.folder, GRADMESH_URL: this.url }
    const line = [CLI, ...words, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, line, { env }).catch(error => {
      throw new MeshError('E2E_COMMAND', `gradmesh ${words.join(' ')} failed: ${error.stdout}${error.stderr}`)
    })
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>
  }

  /** Instead of `start`: makes the folder from a ticket first. */
  join(ticket: string): void {
    this.#child = runCli(this.#place, ['join', ticket, ...this.#flags])
  }

  /** `kill -9`: no handler runs, nothing is flushed. */
  async kill(): Promise<void> {
    await end(this.#running())
    this.#child = undefined
  }

  /** Like a closed lid: the process stands still, its connections fall silent. */
  freeze(): void {
    this.#running().kill('SIGSTOP')
  }

  thaw(): void {
    this.#running().kill('SIGCONT')
  }

  /** While an adapter opens it may be the signal that ends a peer: where the exit code counts, wait for this. */
  async adapterOpened(timeoutMs: number): Promise<void> {
    await until(`the adapter of ${this.name} is open`, timeoutMs, async () =>
      Boolean((await this.status())?.adapter)
    )
  }

  /** Asks it to end, and answers its exit code. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    const child = this.#running()
    child.kill('SIGTERM')
    const code = await exitOf(child)
    this.#child = undefined
    return code
  }

  /** Undefined while nobody answers. @throws MeshError `E2E_ENDED` when the process is gone, with its last words. */
  async status(): Promise<Status | undefined> {
    if (this.#child === undefined || this.#child.exitCode !== null) {
      throw new MeshError('E2E_ENDED', `${this.name} ended by itself:\n${await this.lastWords()}`)
    }
    return this.client.status().catch(() => undefined)
  }

  async height(): Promise<number> {
    return (await this.status())?.height ?? 0
  }

  /** The receipt of the first delta of this peer that the ledger took. @throws MeshError `E2E_LATE` */
  async firstAccepted(timeoutMs: number): Promise<Receipt> {
    const signal = AbortSignal.timeout(timeoutMs)
    for await (const { event } of this.client.events({ replay: 'all', signal })) {
      if (event.type === 'delta' && event.own && event.outcome === 'accepted')
        return this.client.delta({ digest: event.digest })
    }
    throw new MeshError('E2E_LATE', `${this.name} has had no delta accepted:\n${await this.lastWords()}`)
  }

  /** What it has said so far, over all its starts. */
  async said(): Promise<string> {
    return readFile(outputOf(this.#place), 'utf8').catch(() => '')
  }

  async lastWords(): Promise<string> {
    return (await this.said()).split('\n').slice(-30).join('\n')
  }

  #running(): ChildProcess {
    if (this.#child === undefined) throw new MeshError('E2E_ENDED', `${this.name} does not run`)
    return this.#child
  }
}

/** Asks again until the answer is true. @throws MeshError `E2E_LATE` naming what it waited for. */
export const until = async (
  what: string,
  timeoutMs: number,
  ask: () => Promise<boolean>
): Promise<number> => {
  const start = systemClock.nowMs()
  while (!(await ask())) {
    if (systemClock.nowMs() - start > timeoutMs) {
      throw new MeshError('E2E_LATE', `after ${timeoutMs / 1000} s still not so: ${what}`)
    }
    await pause(POLL_MS)
  }
  return (systemClock.nowMs() - start) / 1000
}

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** The smallest value that at least this share of all are not above. */
export const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * values.length) - 1)] ?? Number.NaN

// ---------------------------------------------------------------- processes

const children = new Set<ChildProcess>()
/** Nobody waits any more: the last thing this process does. */
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

const outputOf = ({ folder }: Place): string => `${folder}.out`

const runCli = (place: Place, words: readonly string[]): ChildProcess => {
  const options = {
    data: place.folder,
    port: String(place.httpPort),
    'p2p-host': place.home?.listen ?? '127.0.0.1',
    'p2p-port': String(place.p2pPort),
    label: place.name
  }
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const [program = '', ...line] = [
    ...[...(place.home?.enter ?? []), process.execPath, ...steadyMemory.execArgv],
    ...[CLI, ...words, ...flags, '--no-mdns']
  ]
  const child = spawn(program, line, {
    // One thread a peer where the GPU is emulated: they share this machine's cores.
    env: { ...steadyMemory.env, ...process.env, LP_NUM_THREADS: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const output = createWriteStream(outputOf(place), { flags: 'a' })
  child.stdout?.pipe(output, { end: false })
  child.stderr?.pipe(output, { end: false })
  child.once('close', () => output.end())
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** Its exit code, or the signal that ended it. */
const exitOf = async (child: ChildProcess): Promise<number | NodeJS.Signals | null> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode ?? child.signalCode
}

const end = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL')
  await exitOf(child)
}

export const freePort = async (taken: Set<number>): Promise<number> => {
  for (;;) {
    const port = PORT_FROM + Math.floor(Math.random() * (PORT_TO - PORT_FROM))
    if (taken.has(port) || !(await isFree(port))) continue
    taken.add(port)
    return port
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
