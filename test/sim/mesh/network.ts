/** The network between the machines: it does as the plan says until all is healed, and loses nothing then. */
import { Prng, toLatin1 } from '@gradmesh/core'
import { createMemoryHub, type Hop, type MemoryHub } from '@gradmesh/net/memory'
import { topicsOf } from '@gradmesh/peer'
import { chainIdOf, type Genesis } from '@gradmesh/wire'
import type { SimNode } from './node.ts'
import type { Fault, Plan } from './plan.ts'
import { type Timeline, trueClock } from './timeline.ts'

type Partition = Extract<Fault, { kind: 'partition' }>

const REDIAL_MS = 250
const NOTHING: readonly number[] = []

export class Network {
  readonly hub: MemoryHub
  readonly #plan: Plan
  readonly #prng: Prng
  readonly #timeline: Timeline
  readonly #nodes: readonly SimNode[]
  readonly #places = new Map<string, number>()
  /** Names of topics: everything else are streams, which lose nothing. */
  readonly #gossip: ReadonlySet<string>
  /** What a liar sends to some alone. */
  readonly #whispers = new Map<string, ReadonlySet<string>>()
  readonly #partitions = new Set<Partition>()
  #healed = false
  #redialing = false

  /** @param nodes the array that they will be in. */
  constructor(plan: Plan, genesis: Genesis, timeline: Timeline, nodes: readonly SimNode[]) {
    this.#plan = plan
    this.#prng = new Prng(`world ${plan.seed}`)
    this.#timeline = timeline
    this.#nodes = nodes
    this.#gossip = new Set(Object.values(topicsOf(chainIdOf(genesis))).map(({ name }) => name))
    this.hub = createMemoryHub({ clock: trueClock(timeline), route: hop => this.#route(hop) })
  }

  /** Where in the plan's partitions whoever has this key stands. */
  place(netKey: string, place: number): void {
    this.#places.set(netKey, place)
  }

  cut(partition: Partition): void {
    this.#partitions.add(partition)
    this.#timeline.at(partition.endMs, () => this.#partitions.delete(partition))
  }

  heal(): void {
    this.#healed = true
    this.#partitions.clear()
  }

  /** Of this message by `from` the others hear nothing. */
  whisper(from: string, to: Iterable<string>, message: Uint8Array): void {
    this.#whispers.set(`${from}${toLatin1(message)}`, new Set(to))
  }

  #route({ from, to, message, name }: Hop): readonly number[] {
    const a = this.#places.get(from)!
    const b = this.#places.get(to)!
    if (!this.#healed) {
      for (const { side, oneWay, bridge } of this.#partitions) {
        if (a === bridge || b === bridge || side[a] === side[b]) continue
        if (!oneWay || side[a] === true) return NOTHING
      }
    }
    const isGossip = this.#gossip.has(name)
    if (isGossip && this.#whispers.size > 0) {
      const only = this.#whispers.get(`${from}${toLatin1(message)}`)
      if (only !== undefined && !only.has(to)) return NOTHING
    }
    const { delayMs, lossPercent, duplicatePercent } = this.#plan
    if (this.#healed) return [1 + this.#prng.below(30)]
    const drawn = (): number => delayMs[0] + this.#prng.below(delayMs[1] - delayMs[0])
    const isLost = lossPercent > 0 && this.#prng.below(100) < lossPercent
    // What a stream loses it sends again.
    if (isLost) return isGossip ? NOTHING : [drawn() + 200]
    if (isGossip && duplicatePercent > 0 && this.#prng.below(100) < duplicatePercent)
      return [drawn(), drawn()]
    return [drawn()]
  }

  /** Neighbours that are up find each other again. */
  reconnect(): void {
    if (this.#redialing) return
    this.#redialing = true
    this.#timeline.after(REDIAL_MS, () => {
      this.#redialing = false
      if (this.#redial()) this.reconnect()
    })
  }

  /** True while somebody who is up has no connection to a neighbour who is. */
  #redial(): boolean {
    let missing = false
    for (const [a, b] of this.#pairs()) {
      const [one, other] = [this.#nodes[a]!, this.#nodes[b]!]
      if (!one.life?.online || !other.life?.online) continue
      const net = one.life.peer.context.net
      if (net.peers().some(({ key }) => key === other.machine.netKey)) continue
      missing = true
      void net.dial(`/memory/${other.machine.netKey}`).catch(() => {})
    }
    return missing
  }

  *#pairs(): Iterable<readonly [number, number]> {
    const count = this.#nodes.length
    for (let a = 0; a < count; a++) {
      for (let b = a + 1; b < count; b++) {
        const apart = Math.min(b - a, count - (b - a))
        if (apart <= this.#plan.reach) yield [a, b]
      }
    }
  }
}
