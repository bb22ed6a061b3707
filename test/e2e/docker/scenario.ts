/**
 * What a mesh in containers has to stand, from the image to its end. Each check is told as it is made; the
 * figures are what a reader wants to know afterwards.
 */
import { systemClock } from '@gradmesh/core'
import type { Teller } from '../command.ts'
import { until } from '../harness.ts'
import { History } from '../history.ts'
import { type ComposeOptions, Containers, type Replica } from './containers.ts'
import { docker } from './engine.ts'

export interface ScenarioOptions extends ComposeOptions {
  /** How long the network is taken from two replicas. */
  readonly outageSeconds: number
  /** Also cut off so many validators that nothing can become final meanwhile. */
  readonly stall: boolean
}

export interface Figures {
  imageBytes: number
  buildSeconds: number
  /** From `docker compose up`, the image being there. */
  firstBlockSeconds: number
  accuracy90Seconds: number
  accuracy: number
  /** From `docker start` after `docker kill` until it is in step again. */
  killedBackSeconds: number
  /** From the crash, with no help but the restart policy's. */
  crashedBackSeconds: number
  /** From `up --scale` to the new replica's first accepted delta. */
  joinedDeltaSeconds: number
  /** Final blocks that the rest made while two were cut off. */
  blocksWithoutTwo: number
  returnedSeconds: number
  /** From the return of two of four validators to the next final block; null where that was not tried. */
  unstalledSeconds: number | null
  stopSecondsMax: number
  heights: number
  rootsEqual: boolean
}

const BUILD_MS = 15 * 60_000
const FIRST_BLOCK_SECONDS = 60
const PATIENCE_MS = 90_000
const ACCURACY = 0.9
const PROGRESS = 3
const STOP_SECONDS = 5
const NODE_UID = '1000'

export const runScenario = async (options: ScenarioOptions, tell: Teller): Promise<Figures> => {
  const mesh = new Containers(options)
  try {
    return await new Scenario(mesh, options, tell).run()
  } catch (error) {
    tell.say(await mesh.lastWords())
    throw error
  } finally {
    await mesh.down()
  }
}

const stopwatch = (): (() => number) => {
  const start = systemClock.nowMs()
  return () => Math.round(systemClock.nowMs() - start) / 1000
}

const heights = (replicas: readonly Replica[]): Promise<number[]> =>
  Promise.all(replicas.map(replica => replica.height()))

const highest = async (replicas: readonly Replica[]): Promise<number> =>
  Math.max(0, ...(await heights(replicas)))

class Scenario {
  readonly #mesh: Containers
  readonly #options: ScenarioOptions
  readonly #tell: Teller
  readonly #history = new History()
  /** From which height on a replica holds the blocks: all but those that joined hold them all. */
  readonly #since = new Map<string, number>()

  constructor(mesh: Containers, options: ScenarioOptions, tell: Teller) {
    this.#mesh = mesh
    this.#options = options
    this.#tell = tell
  }

  async run(): Promise<Figures> {
    const built = await this.#build()
    const started = await this.#start()
    const founders = await this.#mesh.replicas()
    await this.#inspect(founders[0]!)
    const killedBackSeconds = await this.#kill(founders)
    const crashedBackSeconds = await this.#crash(founders)
    const joinedDeltaSeconds = await this.#join(founders.length)
    const all = await this.#mesh.replicas()
    const outage = await this.#cutOffTwo(all, founders.length)
    const unstalledSeconds = this.#options.stall ? await this.#stall(all.slice(0, founders.length)) : null
    const compared = await this.#compare(all)
    const stopSecondsMax = await this.#stop(all)
    await this.#verify()
    return {
      ...built,
      ...started,
      killedBackSeconds,
      crashedBackSeconds,
      joinedDeltaSeconds,
      ...outage,
      unstalledSeconds,
      stopSecondsMax,
      ...compared
    }
  }

  async #build(): Promise<Pick<Figures, 'imageBytes' | 'buildSeconds'>> {
    const seconds = stopwatch()
    const slow = setTimeout(() => this.#tell.say('the build takes long: is the network there?'), BUILD_MS)
    const imageBytes = await this.#mesh.build().finally(() => clearTimeout(slow))
    const buildSeconds = seconds()
    this.#tell.check(imageBytes > 0, `the image is built in ${buildSeconds} s, ${imageBytes >> 20} MiB`)
    return { imageBytes, buildSeconds }
  }

  async #start(): Promise<Pick<Figures, 'firstBlockSeconds' | 'accuracy90Seconds' | 'accuracy'>> {
    const seconds = stopwatch()
    await this.#mesh.up()
    const replicas = await this.#mesh.replicas()
    await until('there is a final block', 2 * PATIENCE_MS, async () => (await highest(replicas)) > 0)
    const firstBlockSeconds = seconds()
    this.#tell.check(
      firstBlockSeconds < FIRST_BLOCK_SECONDS,
      `up to the first final block: ${firstBlockSeconds} s`
    )
    let accuracy = 0
    await until(`${100 * ACCURACY} % accuracy`, 3 * PATIENCE_MS, async () => {
      for (const replica of replicas) accuracy = Math.max(accuracy, (await replica.status())?.score ?? 0)
      return accuracy >= ACCURACY
    })
    const accuracy90Seconds = seconds()
    this.#tell.check(
      true,
      `up to ${100 * ACCURACY} % accuracy: ${accuracy90Seconds} s (${(100 * accuracy).toFixed(2)} %)`
    )
    return { firstBlockSeconds, accuracy90Seconds, accuracy }
  }

  /** How the container is locked in, by what the kernel says inside and the engine outside. */
  async #inspect(replica: Replica): Promise<void> {
    const inside = await docker([
      ...['exec', replica.id, 'sh', '-c'],
      'id -u; grep -E "^(CapBnd|NoNewPrivs)" /proc/1/status | cut -f2; touch /app/x 2>/dev/null && echo writable; stat -c %a /data/peers/*/key | sort -u'
    ])
    this.#tell.check(
      inside.split('\n').join(' ') === `${NODE_UID} 0000000000000000 1 600`,
      'inside: user 1000, no capabilities, no new privileges, a root file system that is read-only, keys 0600'
    )
    const limits = await replica.inspect('{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}')
    this.#tell.check(!limits.split(' ').includes('0'), `memory and processor are limited (${limits})`)
    const hosts = await replica.inspect(
      '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}'
    )
    this.#tell.check(hosts.trim() === '127.0.0.1', 'ports are published on 127.0.0.1 alone')
    await until('it is healthy', PATIENCE_MS, () => replica.isHealthy())
    this.#tell.check(true, 'the health check calls it healthy')
    const asked = await docker(['exec', replica.id, 'gradmesh', 'status', '--url', 'http://peer:4180'])
    this.#tell.check(asked.includes('compose'), 'a replica answers by the name of the service')
  }

  async #kill(replicas: readonly Replica[]): Promise<number> {
    await this.#record(replicas)
    const victim = replicas.at(-1)!
    const rest = replicas.filter(replica => replica !== victim)
    await victim.kill()
    await this.#progress(rest, `${victim.name} is killed`)
    const seconds = stopwatch()
    await victim.start()
    await this.#inStep(victim, rest)
    this.#tell.check(true, `${victim.name} is back in step ${seconds()} s after its start`)
    return seconds()
  }

  async #crash(replicas: readonly Replica[]): Promise<number> {
    const victim = replicas[0]!
    const rest = replicas.slice(1)
    const before = await victim.restarts()
    const seconds = stopwatch()
    await victim.crash()
    await until('it is restarted', PATIENCE_MS, async () => (await victim.restarts()) > before)
    await this.#inStep(victim, rest)
    this.#tell.check(true, `${victim.name} crashed and is back in step by itself after ${seconds()} s`)
    return seconds()
  }

  async #join(founders: number): Promise<number> {
    const seconds = stopwatch()
    await this.#mesh.up(founders + 1)
    const joined = (await this.#mesh.replicas()).at(-1)!
    const digest = await joined.firstAccepted(PATIENCE_MS)
    const taken = seconds()
    this.#tell.check(
      digest !== undefined,
      `${joined.name} joined; its first delta is accepted after ${taken} s`
    )
    if (digest === undefined) return Number.NaN
    const receipt = await (await joined.client()).delta({ digest })
    this.#since.set(joined.name, receipt.height ?? 1)
    this.#tell.check(BigInt(receipt.reward) > 0n, 'the delta is paid')
    return taken
  }

  /** Two validators where the others are a quorum without them, else one validator and one that joined. */
  async #cutOffTwo(
    all: readonly Replica[],
    validators: number
  ): Promise<Pick<Figures, 'blocksWithoutTwo' | 'returnedSeconds'>> {
    const first = 3 * (validators - 2) > 2 * validators ? 0 : all.length - 1
    const away = [all[first]!, all[1]!]
    const rest = all.filter(replica => !away.includes(replica))
    const before = await highest(rest)
    const gone = stopwatch()
    for (const replica of away) await replica.leaveNetwork()
    await this.#progress(rest, `${away.map(({ name }) => name).join(' and ')} are cut off`)
    const left = Math.max(0, 1000 * (this.#options.outageSeconds - gone()))
    await new Promise(resolve => setTimeout(resolve, left))
    const blocksWithoutTwo = (await highest(rest)) - before
    const seconds = stopwatch()
    for (const replica of away) await replica.returnToNetwork()
    for (const replica of away) await this.#inStep(replica, rest)
    const returnedSeconds = seconds()
    this.#tell.check(
      true,
      `${blocksWithoutTwo} blocks later both return and are in step after ${returnedSeconds} s`
    )
    return { blocksWithoutTwo, returnedSeconds }
  }

  /** Half of the stake away: nothing may become final, and nothing may break. */
  async #stall(validators: readonly Replica[]): Promise<number> {
    const away = validators.slice(0, Math.ceil(validators.length / 2))
    const rest = validators.slice(away.length)
    for (const replica of away) await replica.leaveNetwork()
    // What was signed before the cut may still become final.
    await new Promise(resolve => setTimeout(resolve, 3000))
    const before = await highest(rest)
    await new Promise(resolve => setTimeout(resolve, 1000 * this.#options.outageSeconds))
    const after = await highest(rest)
    this.#tell.check(after === before, `without half of the stake nothing becomes final (height ${after})`)
    const seconds = stopwatch()
    for (const replica of away) await replica.returnToNetwork()
    await until('the mesh goes on', PATIENCE_MS, async () => (await highest(rest)) > after)
    const unstalledSeconds = seconds()
    for (const replica of away) await this.#inStep(replica, rest)
    this.#tell.check(true, `the mesh goes on ${unstalledSeconds} s after their return`)
    return unstalledSeconds
  }

  async #compare(all: readonly Replica[]): Promise<Pick<Figures, 'heights' | 'rootsEqual'>> {
    await this.#record(all)
    const rootsEqual = this.#history.broken.length === 0
    for (const line of this.#history.broken) this.#tell.say(line)
    this.#tell.check(
      rootsEqual && this.#history.height > 0,
      `blocks and roots are the same at all ${this.#history.height} heights, whoever is asked`
    )
    return { heights: this.#history.height, rootsEqual }
  }

  async #stop(all: readonly Replica[]): Promise<number> {
    const stops = [await all[0]!.stop(), ...(await Promise.all(all.slice(1).map(replica => replica.stop())))]
    const stopSecondsMax = Math.max(...stops.map(({ seconds }) => seconds))
    const codes = stops.map(({ exitCode }) => exitCode).join(' ')
    this.#tell.check(
      stopSecondsMax < STOP_SECONDS && /^[0 ]+$/.test(codes),
      `docker stop took at most ${stopSecondsMax.toFixed(1)} s; exit codes ${codes}`
    )
    return stopSecondsMax
  }

  /** Every validator's folder, replayed from the genesis by the image itself. */
  async #verify(): Promise<void> {
    const verdicts = await this.#mesh.compose(
      ...['run', '--rm', '--no-deps', '--entrypoint', 'sh', 'init', '-c'],
      'for peer in /data/peers/validator-*; do gradmesh verify --data $peer >/dev/null && echo whole || echo broken $peer; done'
    )
    this.#tell.check(
      verdicts.split('\n').every(line => line.trim() === 'whole') && verdicts.includes('whole'),
      'gradmesh verify: every folder in the volume is whole'
    )
  }

  async #record(replicas: readonly Replica[]): Promise<void> {
    for (const replica of replicas) {
      const client = await replica.client()
      await this.#history.read(
        replica.name,
        client,
        this.#since.get(replica.name) ?? 1,
        await replica.height()
      )
    }
  }

  async #progress(rest: readonly Replica[], what: string): Promise<void> {
    const before = await highest(rest)
    await until(`${what}, the rest goes on`, PATIENCE_MS, async () =>
      (await heights(rest)).every(height => height >= before + PROGRESS)
    )
    this.#tell.check(true, `${what}, the rest goes on`)
  }

  async #inStep(replica: Replica, rest: readonly Replica[]): Promise<void> {
    const head = await highest(rest)
    await until(`${replica.name} is in step`, PATIENCE_MS, () => replica.isInStep(head))
  }
}
