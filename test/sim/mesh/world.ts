/**
 * One plan, one mesh, one history: whole peers over one timeline and a network that does as the plan says.
 * After `healMs` everything is well but the liar; then the mesh must make progress, and everybody catch up.
 */
import { isFault, Prng, pause, toHex, toLatin1, utf8 } from '@gradmesh/core'
import { decodeDelta } from '@gradmesh/delta'
import { initialWeights, layoutOf } from '@gradmesh/ledger'
import { createMemoryHub, type Hop, type MemoryHub } from '@gradmesh/net/memory'
import { topicsOf } from '@gradmesh/peer'
import {
  type Certificate,
  chainIdOf,
  type EpochRules,
  encodeGenesis,
  encodeTransaction,
  type Genesis,
  type KeyPair,
  keyPairFromSeed,
  PROTOCOL_VERSION,
  signRegister,
  VoteKind
} from '@gradmesh/wire'
import { Checker } from './checker.ts'
import { twinSeed } from './keys.ts'
import { type Life, SimNode, type Surroundings } from './node.ts'
import { Order } from './order.ts'
import type { Fault, Plan } from './plan.ts'
import { Timeline, trueClock } from './timeline.ts'
import { Violation, violate } from './violation.ts'

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

/** What a schedule is: so many final blocks, and epochs as planned, once the mesh is well, or so much time. */
const FINAL_BLOCKS = 10
const AFTER_HEALING = 3
/** Blocks that the slowest peer may be behind at the end. */
const BEHIND = 1
const END_MS = 200_000
const EVENTS_MAX = 400_000
const REDIAL_MS = 250
/** How often everybody's memory is looked at, besides at every final block. */
const COUNT_MS = 250
/** How often an operator looks whether an order was heard. */
const ORDER_MS = 400

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
  readonly hub: MemoryHub
  readonly checker: Checker
  readonly genesis: Genesis
  readonly genesisBytes: Uint8Array
  readonly diskMsMax: number
  readonly #plan: Plan
  readonly #prng: Prng
  readonly #keys: readonly KeyPair[]
  readonly #nodes: SimNode[] = []
  readonly #places = new Map<string, number>()
  /** Names of topics: everything else are streams, which lose nothing. */
  readonly #gossip: ReadonlySet<string>
  /** What a liar sends to some alone. */
  readonly #whispers = new Map<string, ReadonlySet<string>>()
  readonly #partitions = new Set<Extract<Fault, { kind: 'partition' }>>()
  /** Certified blocks whose payloads nobody honest was up to show. */
  readonly #owed = new Map<string, number>()
  readonly #orders = new Set<Order>()
  readonly #trace = new Trace()
  #healed = false
  #redialing = false
  #closed = false
  #violation: unknown = null
  #events = 0
  #healedSlot: number | null = null
  #healedEpoch = 0
  #healedHeight = 0

  constructor(plan: Plan) {
    this.#plan = plan
    this.#prng = new Prng(`world ${plan.seed}`)
    this.diskMsMax = plan.diskMsMax
    const peers = plan.stakes.length + plan.followers
    const seedOf = (i: number): Uint8Array => {
      const name = utf8(`mesh ${plan.seed} peer ${i}`)
      return plan.realSignatures ? new Prng(name).bytes(32) : twinSeed(name)
    }
    this.#keys = Array.from({ length: peers }, (_, i) => keyPairFromSeed(seedOf(i)))
    this.genesis = genesisOf(plan, this.#keys)
    this.genesisBytes = encodeGenesis(this.genesis)
    this.#gossip = new Set(Object.values(topicsOf(chainIdOf(this.genesis))).map(({ name }) => name))
    this.checker = new Checker(
      this.genesis,
      layoutOf(this.genesis),
      initialWeights(this.genesis, layoutOf(this.genesis)),
      plan.adversary === null ? null : plan.liar
    )
    this.hub = createMemoryHub({ clock: trueClock(this.timeline), route: hop => this.#route(hop) })
  }

  async run(): Promise<void> {
    await this.#populate()
    this.#schedule()
    while (this.timeline.step()) {
      this.#events++
      await drained()
      if (this.#violation !== null) throw this.#violation
      await this.#watch()
      if (this.#isDone()) break
      if (this.#events > EVENTS_MAX) violate(`${EVENTS_MAX} events and no end`)
      if (this.timeline.nowMs > END_MS) {
        if (this.#healedHeight + AFTER_HEALING > this.checker.height || !this.#isTogether()) this.#stuck()
        if (!this.#areOrdersDone()) violate('an order about stake that a block could take never became final')
        break
      }
    }
    await this.#settleDebts(true)
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
    if (this.#redialing) return
    this.#redialing = true
    this.timeline.after(REDIAL_MS, () => {
      this.#redialing = false
      if (this.#redial()) this.online()
    })
  }

  certified({ slot, kind, blockId }: Certificate): void {
    if (kind !== VoteKind.NOTAR) return
    this.#owed.set(toHex(blockId), slot)
    const honest = this.#nodes.filter(({ machine }) => machine.honest)
    const final = Math.max(0, ...honest.map(({ life }) => life?.peer.ledger?.final.slot ?? 0))
    // Somebody honest voted for it, and no vote goes before its payloads. What damage took is owed until the end.
    if (slot <= final || honest.some(({ damaged, disk }) => damaged || disk.keepsBlock(blockId))) return
    violate(`no honest disk holds the block with a NOTAR certificate in slot ${slot}`)
  }

  // ---------------------------------------------------------------- setting up

  async #populate(): Promise<void> {
    const { adversary, liar, stakes } = this.#plan
    const chainId = chainIdOf(this.genesis)
    const topics = topicsOf(chainId)
    const bodies = this.#keys.map((_, i) => i)
    if (adversary?.twin) bodies.push(liar!)
    const netKeys = bodies.map((peer, place) =>
      toHex(place === peer ? this.#keys[peer]!.publicKey : new Prng(`twin ${this.#plan.seed}`).bytes(32))
    )
    for (const [place, peer] of bodies.entries()) {
      const netKey = netKeys[place]!
      this.#places.set(netKey, place)
      const honest = adversary === null || peer !== liar
      const others = netKeys.filter((_, other) => bodies[other] !== peer)
      const prng = new Prng(`liar ${this.#plan.seed} ${place}`)
      this.#nodes.push(
        await SimNode.of(
          this,
          {
            place,
            validator: peer < stakes.length ? peer : null,
            honest,
            keys: this.#keys[peer]!,
            netKey,
            clock: this.#plan.clocks[place]!,
            bend: (net, clock) =>
              honest
                ? net
                : adversary!.bend(net, {
                    prng,
                    keys: this.#keys[peer]!,
                    validator: peer,
                    genesis: this.genesis,
                    chainId,
                    topics,
                    others,
                    after: (delayMs, run) => void clock.after(delayMs, run),
                    tell: (to, topic, message) => {
                      this.#whispers.set(`${netKey}${toLatin1(message)}`, new Set(to))
                      void net.publish(topic, message)
                    }
                  })
          },
          `node ${this.#plan.seed} ${place}`
        )
      )
    }
  }

  #schedule(): void {
    const { faults, healMs, startMs } = this.#plan
    for (const [place, node] of this.#nodes.entries()) this.timeline.at(startMs[place]!, () => node.start())
    for (const fault of faults) this.timeline.at(fault.atMs, () => this.#strike(fault))
    const count = (): void => {
      for (const { life, machine } of this.#nodes)
        if (machine.honest && life?.alive) this.checker.held(machine.place, life.peer.held())
      this.timeline.after(COUNT_MS, count)
    }
    this.timeline.after(COUNT_MS, count)
    if (faults.some(({ kind }) => kind === 'order')) this.#bringOrders()
    this.timeline.at(healMs, () => {
      this.#healed = true
      this.#partitions.clear()
      for (const node of this.#nodes) {
        node.disk.trouble.isFull = false
        node.disk.trouble.losesAnswerOf = null
        if (node.life !== null) node.life.fuse = null
      }
    })
  }

  /** An operator repeats what has not become final yet. */
  #bringOrders(): void {
    for (const order of this.#orders) {
      if (order.isDone) this.#orders.delete(order)
      else void order.bring().catch(error => this.violated(error))
    }
    this.timeline.after(ORDER_MS, () => this.#bringOrders())
  }

  #strike(fault: Fault): void {
    switch (fault.kind) {
      case 'partition':
        this.#partitions.add(fault)
        this.timeline.at(fault.endMs, () => this.#partitions.delete(fault))
        return
      case 'crash':
        this.#lightFuse(fault)
        return
      case 'stop':
        void this.#nodes[fault.peer]!.stop(fault.downMs).catch(error => this.violated(error))
        return
      case 'pause':
        this.#nodes[fault.peer]!.pause(fault.endMs)
        return
      case 'full': {
        const node = this.#nodes[fault.peer]!
        node.disk.trouble.isFull = true
        node.wasRefused = true
        this.timeline.at(fault.endMs, () => {
          node.disk.trouble.isFull = false
        })
        return
      }
      case 'lost-answer': {
        const node = this.#nodes[fault.peer]!
        node.disk.trouble.losesAnswerOf = fault.database
        node.wasRefused = true
        return
      }
      case 'clock':
        this.#nodes[fault.peer]!.wallMs += fault.byMs
        return
      case 'order':
        this.#orders.add(new Order(this.#nodes[fault.peer]!, fault))
        return
      case 'flood':
        this.#flood(fault.count)
    }
  }

  #lightFuse({ peer, effects, downMs, disk }: Extract<Fault, { kind: 'crash' }>): void {
    const node = this.#nodes[peer]!
    const { life } = node
    if (life === null || !life.alive || life.stopping) return
    if (disk === 'older-chain') void node.disk.copy('chain')
    if (disk === 'older-safety') void node.disk.copy('safety')
    const harm = async (): Promise<void> => {
      if (disk === 'as-synced') return
      node.damaged = true
      node.rolledBack = true
      if (disk === 'flipped-safety') node.tampered = true
      if (disk === 'flipped-bit') await node.disk.flip('chain', node.prng)
      else if (disk === 'flipped-safety') await node.disk.flip('safety', node.prng)
      else await node.disk.rollBack(disk === 'older-chain' ? 'chain' : 'safety')
    }
    // The copies are older than what is lost by as much as happens until the fuse has burnt down.
    const longer = disk === 'as-synced' ? effects : 10 * effects
    life.fuse = {
      effects: longer,
      burn: () => void node.crash(downMs, harm).catch(error => this.violated(error))
    }
  }

  /** From everybody's neighbour: registrations of keys that nobody has heard of. */
  #flood(count: number): void {
    const topics = topicsOf(chainIdOf(this.genesis))
    const node = this.#nodes.find(({ life }) => life?.online)
    if (node === undefined) return
    const key = toHex(new Prng(`stranger ${this.#plan.seed}`).bytes(32))
    this.#places.set(key, this.#nodes.length)
    const net = this.hub.net(key)
    for (const topic of Object.values(topics)) net.subscribe(topic.name, topic, () => 'ignore')
    const pour = async (): Promise<void> => {
      await net.start()
      await net.dial(`/memory/${node.machine.netKey}`)
      for (let i = 0; i < count; i++) {
        const keys = keyPairFromSeed(twinSeed(utf8(`stranger ${this.#plan.seed} ${i}`)))
        const tx = signRegister({ key: keys.publicKey, label: 'x' }, chainIdOf(this.genesis), keys)
        await net.publish(topics.transactions.name, encodeTransaction(tx))
        if (i % 50 === 49) await pause(trueClock(this.timeline), 20)
      }
      await pause(trueClock(this.timeline), 1_000)
      await net.stop()
    }
    void pour().catch(() => {})
  }

  // ---------------------------------------------------------------- network

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

  // ---------------------------------------------------------------- watching

  readonly #seen = new WeakMap<Life, string>()

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
      await this.#weigh(life, final.height, final.id)
      await this.#settleDebts(false)
    }
    this.#watchProgress()
  }

  /** Computes the weights up to that height from the blocks that this peer holds, and compares. */
  async #weigh(life: Life, height: number, id: string): Promise<void> {
    // A flipped bit that nobody has had to read yet is no news to us.
    if (life.node.damaged) return
    const { chain, state } = life.peer.context
    if (chain.base().height > this.checker.weighedHeight) return
    const layout = layoutOf(this.genesis)
    const before = this.checker.weighedHeight
    while (this.checker.weighedHeight < height) {
      const block = await chain.blockAt(this.checker.weighedHeight + 1)
      if (block === undefined)
        violate(`peer ${life.node.machine.place} holds no block ${this.checker.weighedHeight + 1}`)
      const deltas = []
      for (const { digest } of block!.body.deltas) {
        const signed = await chain.delta(digest)
        if (signed === undefined)
          return violate(`a payload of final block ${block!.header.height} is not held`)
        const delta = decodeDelta(layout, signed.payload)
        if (isFault(delta)) return violate(`a payload of final block ${block!.header.height} does not decode`)
        deltas.push({ trainer: signed.header.trainer, steps: signed.header.steps, delta })
      }
      this.checker.weigh({ block: block!, deltas })
    }
    if (this.checker.weighedHeight !== height || before === height) return
    const weights = await state.weights({ id })
    if (weights !== null) this.checker.compare(life.node.machine.place, weights)
  }

  /** The payloads behind every certified block can be had from somebody honest. */
  async #settleDebts(last: boolean): Promise<void> {
    for (const [id] of this.#owed) {
      const up = this.#nodes.filter(({ life, machine }) => machine.honest && life?.alive && life.peer.ledger)
      let found = false
      for (const { life } of up)
        found ||= await holds(life!, id).catch(error => {
          if (!life!.node.damaged) throw error
          return false
        })
      if (found) this.#owed.delete(id)
      else if (last && this.#healed && this.#isTogether() && this.#isWanted(id))
        violate(`nobody honest holds the certified block ${id.slice(0, 8)} with its payloads`)
    }
  }

  #isWanted(id: string): boolean {
    return this.#nodes.some(
      ({ life, machine }) => machine.honest && life?.peer.ledger?.block(id) !== undefined
    )
  }

  #watchProgress(): void {
    if (!this.#healed) return
    let frontier = 0
    let finalSlot = 0
    let epoch = 0
    for (const node of this.#nodes) {
      if (!isWell(node)) continue
      const { driver, ledger } = node.life?.peer ?? NOBODY
      if (driver === undefined || ledger === undefined) return
      epoch = Math.max(epoch, ledger.final.accounts.epoch)
      frontier = Math.max(frontier, driver.frontier)
      finalSlot = Math.max(finalSlot, ledger.final.slot)
    }
    if (this.#healedSlot === null) {
      if (!this.#isTogether(Number.POSITIVE_INFINITY)) return
      this.#healedSlot = frontier
      this.#healedHeight = this.checker.height
      this.#healedEpoch = epoch
    }
    // Where an epoch has turned the boundary became final, and slots between two epochs do not exist.
    if (epoch > this.#healedEpoch) return
    if (finalSlot >= this.#healedSlot) return
    const { running } = this.#nodes.find(isWell)!.life!.peer.context.epochs
    const { adversary, liar } = this.#plan
    const liarKey = adversary === null ? null : toHex(this.#keys[liar!]!.publicKey)
    let liarLed = 0
    for (let slot = this.#healedSlot; slot < frontier; slot++)
      if (toHex(running.leaderKey(slot)) === liarKey) liarLed++
    this.checker.stalled(frontier - this.#healedSlot, liarLed)
  }

  /** Everybody who is well votes (or follows) and is at most so many blocks behind. */
  #isTogether(behind = BEHIND): boolean {
    return this.#nodes.filter(isWell).every(({ life }) => {
      const phase = life?.peer.journal.phase
      const here = phase === 'training' || phase === 'waiting'
      return (
        life !== null &&
        here &&
        life.peer.ledger !== undefined &&
        life.peer.ledger.final.height + behind >= this.checker.height
      )
    })
  }

  #isDone(): boolean {
    if (this.#healedSlot === null || this.checker.height < FINAL_BLOCKS) return false
    if (this.checker.epoch < this.#plan.epochs.turns || !this.#areOrdersDone()) return false
    return this.checker.height >= this.#healedHeight + AFTER_HEALING && this.#isTogether()
  }

  /** What honest operators want and a block could take has become final. */
  #areOrdersDone(): boolean {
    return [...this.#orders].every(({ isDone, isPossible, isHonest }) => isDone || !isPossible || !isHonest)
  }

  #stuck(): never {
    const lines = this.#nodes.map(({ life, machine, lost }) => {
      const peer = life?.peer
      const what = lost ? 'lost' : life === null ? 'down' : life.alive ? peer!.journal.phase : 'dead'
      return `${machine.place}${machine.honest ? '' : '*'} ${what} height ${peer?.ledger?.final.height} frontier ${peer?.driver?.frontier} ${peer?.journal.phaseReason ?? ''}`
    })
    return violate(`no recovery by ${this.timeline.nowMs} ms: ${lines.join('; ')}`)
  }
}

const isWell = ({ machine, lost }: SimNode): boolean => machine.honest && !lost

const NOBODY = { driver: undefined, ledger: undefined }

const holds = async ({ peer }: Life, id: string): Promise<boolean> => {
  const { chain } = peer.context
  const block = peer.ledger!.block(id) ?? (await chain.block(new Uint8Array(Buffer.from(id, 'hex'))))
  if (block === undefined) return false
  for (const { digest } of block.body.deltas) {
    if ((await chain.deltaPlace(digest)) === undefined) return false
  }
  return true
}

/**
 * All promises that can settle have settled: nothing here waits for anything but the timeline. Node runs what
 * `nextTick` is given when no promise is left to go on, without a turn of its event loop.
 */
const drained = (): Promise<void> =>
  new Promise(resolve => {
    process.nextTick(resolve)
  })

const NOTHING: readonly number[] = []

const rulesOf = ({ epochs: { turns: _, ...rules } }: Plan): EpochRules => rules

/** Two leaves of 64 weights, the second one padded. */
const genesisOf = (plan: Plan, keys: readonly KeyPair[]): Genesis => ({
  protocol: PROTOCOL_VERSION,
  name: 'simulated',
  seed: new Prng(`genesis ${plan.seed}`).bytes(32),
  task: { id: 'digits', digest: null, options: {} },
  tensors: [{ name: 'w', shape: [100], trainable: true, initBound: 1 << 20, base: null }],
  training: { innerSteps: 4, batch: 2, innerRateMicro: 1000, outerRateQ16: 65_536, warmupRounds: 2 },
  delta: { chunk: 64, keep: 8, errorDecayQ8: 243 },
  privacy: 'plain',
  timing: { roundDeadlineMs: plan.roundDeadlineMs },
  end: { rounds: null },
  rewardPerRound: 1000n,
  checkpointEvery: plan.checkpointEvery,
  epochs: rulesOf(plan),
  validators: plan.stakes.map((stake, i) => ({ key: keys[i]!.publicKey, stake }))
})

/** Everything that is told, in order, as one number: two runs with one trace had one history. */
class Trace {
  #a = 0x811c9dc5
  #b = 0x01000193

  note(nowMs: number, place: number, what: string, bytes: Uint8Array | undefined): void {
    this.#mix(nowMs)
    this.#mix(place)
    for (let i = 0; i < what.length; i++) this.#mix(what.charCodeAt(i))
    if (bytes === undefined) return
    for (let i = 0; i < bytes.length; i++) this.#mix(bytes[i]!)
  }

  digest(): string {
    return [this.#a, this.#b].map(n => (n >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193)
    this.#b = Math.imul(((this.#b << 5) | (this.#b >>> 27)) ^ word, 0xc2b2ae35)
  }
}
