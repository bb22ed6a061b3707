/** One peer of the demo, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MeshError } from '@gradmesh/core'
import type { ReadyMessage } from '../daemon.ts'
import { steadyMemory } from '../steady-memory.ts'
import { HOST, type PlannedPeer } from './plan.ts'

const MAIN = fileURLToPath(new URL(`../main${extname(import.meta.filename)}`, import.meta.url))
/** What the GPU runtime itself writes whenever it lists adapters; it means nothing to anybody here. */
const RUNTIME_NOTE = /^Warning: max\w+ artificially reduced/
const TAIL_LINES = 12
const START_MS_MAX = 180_000

export interface ChildInit {
  readonly plan: PlannedPeer
  readonly adapter: string | null
  readonly env: Readonly<Record<string, string | undefined>>
}

export class DemoPeer {
  readonly plan: PlannedPeer
  /** Rejects when the process ends without having been asked to. */
  readonly died: Promise<never>
  /** Resolves to the HTTP address once the peer runs. */
  readonly ready: Promise<string>
  readonly #process: ChildProcess
  readonly #tail: string[] = []
  readonly #exited: Promise<void>
  #stopping = false

  constructor({ plan, adapter, env }: ChildInit) {
    this.plan = plan
    const words = [
      ...['up', '--data', plan.folder, '--port', String(plan.port), '--http-host', HOST],
      ...['--p2p-port', String(plan.p2pPort), '--p2p-host', HOST, '--bootstrap', plan.others.join(',')],
      ...['--label', plan.label, '--no-mdns', '--log-level', 'warn'],
      ...(adapter === null ? [] : ['--adapter', adapter])
    ]
    // A session of its own keeps the terminal's Ctrl-C away: the demo stops its peers in order. The
    // channel tells the peer when the demo itself is gone.
    this.#process = spawn(process.execPath, [...steadyMemory.execArgv, MAIN, ...words], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...steadyMemory.env, ...env, NO_COLOR: '1' }
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#remember(text))
    this.#exited = new Promise(resolve => this.#process.once('close', () => resolve()))
    this.died = new Promise((_, reject) => {
      const die = (why: string): void => {
        if (!this.#stopping) reject(this.#death(why))
      }
      this.#process.once('error', error => die(error.message))
      this.#process.once('close', (code, signal) =>
        die(signal === null ? `exit code ${code}` : `ended by ${signal}`)
      )
    })
    this.died.catch(() => {})
    this.ready = Promise.race([this.#announced(), this.died])
    this.ready.catch(() => {})
  }

  /** The last lines that it wrote to its standard error. */
  get tail(): readonly string[] {
    return this.#tail
  }

  /** Asks it to stop, then after `patienceMs` ends it. Resolves when the process is gone. */
  async stop(patienceMs: number): Promise<void> {
    this.#stopping = true
    this.#process.kill('SIGTERM')
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), patienceMs)
    await this.#exited
    clearTimeout(timer)
  }

  #announced(): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new MeshError(
            'DEMO_PEER_SLOW',
            `${this.plan.label} did not start within ${START_MS_MAX / 1000} s`,
            {
              remedy: `look at ${this.plan.folder}/peer.log, and try fewer peers with --peers N`
            }
          )
        )
      }, START_MS_MAX)
      this.#process.on('message', (message: ReadyMessage) => {
        clearTimeout(timer)
        resolve(message.url)
      })
      this.#process.once('close', () => clearTimeout(timer))
    })
  }

  #remember(text: string): void {
    this.#tail.push(...text.split('\n').filter(line => line.trim() !== '' && !RUNTIME_NOTE.test(line)))
    this.#tail.splice(0, Math.max(0, this.#tail.length - TAIL_LINES))
  }

  #death(why: string): MeshError {
    const said =
      this.#tail.length === 0
        ? 'It said nothing.'
        : `Its last lines:\n${this.#tail.map(line => `  | ${line}`).join('\n')}`
    return new MeshError('DEMO_PEER_DIED', `${this.plan.label} is gone (${why}). ${said}`, {
      remedy: `its log is ${this.plan.folder}/peer.log; \`gradmesh doctor\` checks this machine`,
      data: { peer: this.plan.label }
    })
  }
}
