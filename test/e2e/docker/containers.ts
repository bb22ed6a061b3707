/**
 * The mesh of docker/compose.yaml under a project name of its own, so that it meets no other. Whatever
 * becomes of the run, its containers, network and volume go with `down --volumes`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type Client, createClient, type Status } from '@gradmesh/api'
import { MeshError, systemClock } from '@gradmesh/core'
import { pause } from '../harness.ts'
import { docker } from './engine.ts'

const FILE = join(import.meta.dirname, '../../../docker/compose.yaml')
/** Below the ports that systems give to outgoing connections. */
const PORT_FROM = 30_100
const PORTS = 40
const SLOTS = 50
const STATUS_MS_MAX = 5000
const GRACE_SECONDS = 5

export interface ComposeOptions {
  readonly validators: number
  /** Empty: as compose.yaml has it. */
  readonly seed: string
}

export class Containers {
  readonly #project = `gradmesh-e2e-${process.pid}`
  readonly #env: Readonly<Record<string, string>>
  #isUp = false

  constructor({ validators, seed }: ComposeOptions) {
    const from = PORT_FROM + (process.pid % SLOTS) * PORTS
    this.#env = {
      GRADMESH_IMAGE: 'gradmesh:e2e',
      GRADMESH_HTTP_PORTS: `${from}-${from + PORTS - 1}`,
      GRADMESH_VALIDATORS: String(validators),
      GRADMESH_REPLICAS: String(validators),
      GRADMESH_ROUNDS: '0',
      GRADMESH_SEED: seed
    }
    // The last chance when the process is asked to end; nothing asynchronous runs any more.
    process.on('exit', () => {
      if (this.#isUp) spawnSync('docker', this.#words('down', ...DOWN), { env: this.#fullEnv() })
    })
  }

  async build(): Promise<number> {
    await this.compose('build', 'init')
    return Number(await docker(['image', 'inspect', 'gradmesh:e2e', '--format', '{{.Size}}']))
  }

  async up(replicas?: number): Promise<void> {
    this.#isUp = true
    const scale = replicas === undefined ? [] : ['--scale', `peer=${replicas}`, '--no-recreate']
    await this.compose('up', '--detach', '--no-build', ...scale)
  }

  async down(): Promise<void> {
    await this.compose('down', ...DOWN)
    this.#isUp = false
  }

  compose(...words: readonly string[]): Promise<string> {
    return docker(this.#words(...words), this.#env)
  }

  /** All replicas of the service, in the order of their numbers. */
  async replicas(): Promise<Replica[]> {
    const ids = (await this.compose('ps', '--all', '--quiet', 'peer')).split('\n').filter(Boolean)
    const named = await Promise.all(
      ids.map(async id => ({ id, name: (await docker(['inspect', id, '--format', '{{.Name}}'])).slice(1) }))
    )
    return named
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
      .map(({ id, name }) => new Replica(id, name.replace(`${this.#project}-`, ''), this.#network))
  }

  /** Of every container: how it is, and what it said last. */
  async lastWords(): Promise<string> {
    const list = await this.compose('ps', '--all').catch(String)
    return `${list}\n${await this.compose('logs', '--no-color', '--tail', '25').catch(String)}`
  }

  get #network(): string {
    return `${this.#project}_default`
  }

  #words(...words: readonly string[]): string[] {
    return ['compose', '--project-name', this.#project, '--file', FILE, ...words]
  }

  #fullEnv(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.#env }
  }
}

const DOWN = ['--volumes', '--remove-orphans', '--timeout', String(GRACE_SECONDS)] as const

export class Replica {
  readonly id: string
  readonly name: string
  readonly #network: string
  #client: Client | undefined

  constructor(id: string, name: string, network: string) {
    this.id = id
    this.name = name
    this.#network = network
  }

  /** Where the host reaches it: another port after each start and each return to the network. */
  async client(): Promise<Client> {
    if (this.#client === undefined) {
      const address = (await docker(['port', this.id, '4180/tcp'])).split('\n')[0]
      if (!address?.startsWith('127.0.0.1:'))
        throw new MeshError('E2E_DOCKER', `${this.name} is published on ${address || 'no port'}`)
      this.#client = createClient(`http://${address}`, { timeoutMs: STATUS_MS_MAX })
    }
    return this.#client
  }

  /** Undefined while nobody answers. */
  async status(): Promise<Status | undefined> {
    try {
      return await (await this.client()).status()
    } catch {
      this.#client = undefined
      return undefined
    }
  }

  async height(): Promise<number> {
    return (await this.status())?.height ?? 0
  }

  /** Takes part: follows the head, and is past starting and syncing. */
  async isInStep(head: number): Promise<boolean> {
    const status = await this.status()
    return status !== undefined && status.height >= head && status.phase === 'training'
  }

  async inspect(format: string): Promise<string> {
    return docker(['inspect', this.id, '--format', format])
  }

  /** `docker kill`: the kernel ends every process of it at once. Docker does not restart it by itself. */
  async kill(): Promise<void> {
    await docker(['kill', this.id])
    this.#client = undefined
  }

  async start(): Promise<void> {
    await docker(['start', this.id])
  }

  /** Kills the peer inside, as a crash or the out-of-memory killer would; the restart policy is to help. */
  async crash(): Promise<void> {
    // The shell that kills is spared, process 1 too: it ends because its child did.
    await docker(['exec', this.id, 'sh', '-c', 'kill -9 -1'])
  }

  async restarts(): Promise<number> {
    return Number(await this.inspect('{{.RestartCount}}'))
  }

  /** Seconds until it was gone, and its exit code. */
  async stop(): Promise<{ seconds: number; exitCode: number }> {
    const start = systemClock.nowMs()
    await docker(['stop', this.id])
    const seconds = (systemClock.nowMs() - start) / 1000
    return { seconds, exitCode: Number(await this.inspect('{{.State.ExitCode}}')) }
  }

  async leaveNetwork(): Promise<void> {
    await docker(['network', 'disconnect', this.#network, this.id])
    this.#client = undefined
  }

  async returnToNetwork(): Promise<void> {
    await docker(['network', 'connect', '--alias', 'peer', this.#network, this.id])
  }

  /** Waits until the engine's own health check calls it healthy. */
  async isHealthy(): Promise<boolean> {
    return (await this.inspect('{{.State.Health.Status}}')) === 'healthy'
  }

  /** The receipt of its first accepted delta, or undefined after the time is over. */
  async firstAccepted(timeoutMs: number): Promise<string | undefined> {
    const signal = AbortSignal.timeout(timeoutMs)
    while (!signal.aborted) {
      try {
        for await (const { event } of (await this.client()).events({ replay: 'all', signal })) {
          if (event.type === 'delta' && event.own && event.outcome === 'accepted') return event.digest
        }
      } catch {
        this.#client = undefined
        await pause(200)
      }
    }
    return undefined
  }
}
