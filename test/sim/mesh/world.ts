/**
 * One plan, one mesh, one history: whole peers over one timeline and a network that does as the plan says.
 * After `healMs` everything is well but the liar; then the mesh must make progress, and everybody catch up.
 */
import { type Clock, Prng, toHex, utf8 } from '@gradmesh/core'
import type { Layout } from '@gradmesh/delta'
import { initialWeights, layoutOf } from '@gradmesh/ledger'
import type { Net } from '@gradmesh/net'
import type { MemoryHub } from '@gradmesh/net/memory'
import { topicsOf } from '@gradmesh/peer'
import {
  type Certificate,
  chainIdOf,
  encodeGenesis,
  type Genesis,
  type KeyPair,
  keyPairFromSeed
} from '@gradmesh/wire'
import type { MeshAdversary } from '../../adversaries/mesh/types.ts'
import { Checker } from './checker.ts'
import { genesisOf } from './genesis.ts'
import { twinSeed } from './keys.ts'
import type { Life } from './life.ts'
import { Network } from './network.ts'
import { SimNode, type Surroundings } from './node.ts'
import { Payloads } from './payloads.ts'
import type { Plan } from './plan.ts'
import { Progress } from './progress.ts'
import { Striking } from './striking.ts'
import { Timeline } from './timeline.ts'
import { Trace } from './trace.ts'
import { Violation, violate } from './violation.ts'
import { weigh } from './weighing.ts'

export interface Outcome {
  readonly seed: number
  readonly adversary: string
  readonly peers: number
  readonly height: number
  readonly simulatedMs: number
  readonly events: number
  readonly trace: string
  readonly violation: string | null
}

/** A schedule ends after so much time at the latest. */
const END_MS = 200_000
const EVENTS_MAX = 400_000
/** How often everybody's memory is looked at, besides at every final block. */
const COUNT_MS = 250

export const runPlan = async (plan: Plan): Promise<Outcome> => {
  const world = new World(plan)
  const onUnhandled = (error: unknown): void => world.violated(error)
  process.on('unhandledRejection', onUnhandled)
  try {
    await world.run()
    return world.outcome(null)
  } catch (error) {
    if (!(error instanceof Violation))
      return world.outcome(
        error instanceof Error
          ? `${error.stack}${error.cause instanceof Error ? error.cause.stack : ''}`
          : `${error}`
      )
    return world.outcome(error.message)
  } finally {
    world.close()
    process.off('unhandledRejection', onUnhandled)
  }
}

class World implements Surroundings {
  readonly timeline = new Timeline()
  readonly checker: Checker
  readonly genesis: Genesis
  readonly genesisBytes: Uint8Array
  readonly diskMsMax: number
  readonly #plan: Plan
  readonly #keys: readonly KeyPair[]
  readonly #layout: Layout
  readonly #nodes: SimNode[] = []
  readonly #network: Network
  readonly #striking: Striking
  readonly #payloads: Payloads
  readonly #progress: Progress
  readonly #trace = new Trace()
  /** The newest final block that was looked at, of each life. */
  readonly #seen = new WeakMap<Life, string>()
  #healed = false
  #closed = false
  #violation: unknown = null
  #events = 0

  constructor(plan: Plan) {
    this.#plan = plan
    this.diskMsMax = plan.diskMsMax
    const peers = plan.stakes.length + plan.followers
    const seedOf = (i: number): Uint8Array => {
      const name = utf8(`mesh ${plan.seed} peer ${i}`)
      return plan.realSignatures ? new Prng(name).bytes(32) : twinSeed(name)
    }
    this.#keys = Array.from({ length: peers }, (_, i) => keyPairFromSeed(seedOf(i)))
    this.genesis = genesisOf(plan, this.#keys)
    this.genesisBytes = encodeGenesis(this.genesis)
    this.#layout = layoutOf(this.genesis)
    const liar = plan.adversary === null ? null : plan.liar
    this.checker = new Checker(this.genesis, this.#layout, initialWeights(this.genesis, this.#layout), liar)
    this.#network = new Network(plan, this.genesis, this.timeline, this.#nodes)
    this.#striking = new Striking({
      plan,
      genesis: this.genesis,
      timeline: this.timeline,
      network: this.#network,
      nodes: this.#nodes,
      violated: error => this.violated(error)
    })
    this.#payloads = new Payloads(this.#nodes)
    const liarKey = liar === null ? null : toHex(this.#keys[liar]!.publicKey)
    this.#progress = new Progress(plan, this.checker, this.#nodes, liarKey)
  }

  get hub(): MemoryHub {
    return this.#network.hub
  }

  async run(): Promise<void> {
    await this.#populate()
    this.#schedule()
    while (this.timeline.step()) {
      this.#events++
      await drained()
      if (this.#violation !== null) throw this.#violation
      await this.#watch()
      if (this.#progress.isDone && this.#striking.areOrdersDone) break
      if (this.#events > EVENTS_MAX) violate(`${EVENTS_MAX} events and no end`)
      if (this.timeline.nowMs > END_MS) {
        this.#judgeLate()
        break
      }
    }
    if (this.#healed && this.#progress.isTogether()) await this.#payloads.settleAll()
  }

  outcome(violation: string | null): Outcome {
    return {
      seed: this.#plan.seed,
      adversary: this.#plan.adversary?.name ?? 'none',
      peers: this.#nodes.length,
      height: this.checker.height,
      simulatedMs: this.timeline.nowMs,
      events: this.#events,
      trace: this.#trace.digest(),
      violation
    }
  }

  close(): void {
    this.#closed = true
    for (const { life } of this.#nodes) if (life !== null) life.alive = false
  }

  // ---------------------------------------------------------------- what nodes tell

  note(place: number, what: string, bytes?: Uint8Array): void {
    this.#trace.note(this.timeline.nowMs, place, what, bytes)
  }

  violated(error: unknown): void {
    if (!this.#closed) this.#violation ??= error
  }

  online(): void {
    this.#network.reconnect()
  }

  certified(certificate: Certificate): void {
    this.#payloads.certified(certificate)
  }

  // ---------------------------------------------------------------- setting up

  async #populate(): Promise<void> {
    const { adversary, clocks, liar, seed, stakes } = this.#plan
    const bodies = this.#keys.map((_, i) => i)
    if (adversary?.twin) bodies.push(liar!)
    const netKeys = bodies.map((peer, place) =>
      toHex(place === peer ? this.#keys[peer]!.publicKey : new Prng(`twin ${seed}`).bytes(32))
    )
    for (const [place, peer] of bodies.entries()) {
      const netKey = netKeys[place]!
      this.#network.place(netKey, place)
      const honest = adversary === null || peer !== liar
      const others = netKeys.filter((_, other) => bodies[other] !== peer)
      const machine = {
        place,
        validator: peer < stakes.length ? peer : null,
        honest,
        keys: this.#keys[peer]!,
        netKey,
        clock: clocks[place]!,
        bend: honest ? (net: Net) => net : this.#lies(adversary, place, netKey, others)
      }
      this.#nodes.push(await SimNode.of(this, machine, `node ${seed} ${place}`))
    }
  }

  /** What stands between a liar and its network. */
  #lies(
    adversary: MeshAdversary,
    place: number,
    netKey: string,
    others: readonly string[]
  ): (net: Net, clock: Clock) => Net {
    const validator = this.#plan.liar!
    const chainId = chainIdOf(this.genesis)
    const prng = new Prng(`liar ${this.#plan.seed} ${place}`)
    return (net, clock) =>
      adversary.bend(net, {
        prng,
        keys: this.#keys[validator]!,
        validator,
        genesis: this.genesis,
        chainId,
        topics: topicsOf(chainId),
        others,
        after: (delayMs, run) => void clock.after(delayMs, run),
        tell: (to, topic, message) => {
          this.#network.whisper(netKey, to, message)
          void net.publish(topic, message)
        }
      })
  }

  #schedule(): void {
    const { healMs, startMs } = this.#plan
    for (const [place, node] of this.#nodes.entries()) this.timeline.at(startMs[place]!, () => node.start())
    this.#striking.schedule()
    this.#count()
    this.timeline.at(healMs, () => {
      this.#healed = true
      this.#network.heal()
      this.#striking.heal()
    })
  }

  // ---------------------------------------------------------------- watching

  #count(): void {
    this.timeline.after(COUNT_MS, () => {
      for (const { life, machine } of this.#nodes)
        if (machine.honest && life?.alive) this.checker.held(machine.place, life.peer.held())
      this.#count()
    })
  }

  async #watch(): Promise<void> {
    for (const { life, machine } of this.#nodes) {
      if (life === null || !life.alive || !machine.honest) continue
      const final = life.peer.ledger?.final
      if (final === undefined || this.#seen.get(life) === final.id) continue
      this.#seen.set(life, final.id)
      if (final.height > 0) this.checker.final(machine.place, final.height, final.id)
      this.checker.state(machine.place, final.height, toHex(final.root), final.accounts)
      this.note(machine.place, `final ${final.height}`)
      this.checker.held(machine.place, life.peer.held())
      await weigh(this.checker, this.#layout, life, final.height, final.id)
      await this.#payloads.settle()
    }
    if (this.#healed) this.#progress.watch()
  }

  /** Time is over. */
  #judgeLate(): void {
    if (!this.#progress.hasGoneOn || !this.#progress.isTogether())
      violate(`no recovery by ${this.timeline.nowMs} ms: ${this.#progress.tell()}`)
    if (!this.#striking.areOrdersDone)
      violate('an order about stake that a block could take never became final')
  }
}

/**
 * All promises that can settle have settled: nothing here waits for anything but the timeline. Node runs what
 * `nextTick` is given when no promise is left to go on, without a turn of its event loop.
 */
const drained = (): Promise<void> =>
  new Promise(resolve => {
    process.nextTick(resolve)
  })
