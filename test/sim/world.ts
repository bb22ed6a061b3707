/**
 * One seed, one mesh, one history: discrete events, a network that loses, delays, doubles, reorders and parts,
 * clocks that run apart, crashes between any two effects, and at most one liar below a third of the stake. After
 * `healMs` the network is good and everybody honest is up; then the mesh must make progress.
 */
import type { ConsensusConfig, Validator } from '@gradmesh/consensus'
import { Prng, sha256, toHex, utf8 } from '@gradmesh/core'
import { Checker } from './checker.ts'
import { SimNode } from './node.ts'
import { keyOf, signBlock, signVote } from './signature.ts'
import type { Adversary, Liar, Message, Rules, SimBlock } from './types.ts'

export interface Outcome {
  readonly seed: number
  readonly adversary: string
  readonly nodes: number
  readonly height: number
  /** How often honest nodes found the liar's votes in contradiction. */
  readonly accusations: number
  readonly simulatedMs: number
  readonly deliveries: number
  /** Digest of everything that happened, in order. */
  readonly trace: string
  readonly violation: string | null
}

/** Final blocks that must follow the healing before a run ends, and how long it may take. */
const FINALS_AFTER_HEALING = 3
const HEALED_MS_MAX = 120_000
const EVENTS_MAX = 400_000

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export const simulate = (seed: number, rules: Rules, adversaries: readonly Adversary[]): Outcome => {
  const world = new World(seed, rules, adversaries)
  try {
    world.run()
    return world.outcome(null)
  } catch (error) {
    return world.outcome(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  }
}

class World {
  readonly #seed: number
  readonly #rules: Rules
  readonly #prng: Prng
  readonly #adversary: Adversary | null
  readonly #liar: number | null
  readonly #nodes: SimNode[] = []
  /** Whom each node talks to: null for everybody. */
  readonly #reaches: (ReadonlySet<number> | null)[] = []
  readonly #checker: Checker
  readonly #config: Omit<ConsensusConfig, 'self'>
  readonly #lossPercent: number
  readonly #delayMsMax: number
  readonly #healMs: number
  /** Without a liar who could withhold them for ever, certificates may be lost: votes sent again remake them. */
  readonly #losesCertificates: boolean
  readonly #trace: number[] = []
  readonly #second = new Map<number, SimBlock>()
  #events: Event[] = []
  #order = 0
  #nowMs = 0
  #deliveries = 0
  #isCut: (from: number, to: number) => boolean = () => false
  /** Highest honest frontier when the mesh was healed. */
  #healedSlot: number | null = null
  #healedHeight = 0

  constructor(seed: number, rules: Rules, adversaries: readonly Adversary[]) {
    const prng = new Prng(seed)
    this.#seed = seed
    this.#rules = rules
    this.#prng = prng
    const size = 4 + prng.below(4)
    const validators = stakes(prng, size)
    const liar = mayLie(validators, prng)
    this.#adversary = liar === null || prng.oneIn(5) ? null : prng.pick(adversaries)
    this.#liar = this.#adversary === null ? null : liar
    this.#checker = new Checker(
      validators.map(({ stake }) => stake),
      this.#liar
    )
    this.#config = {
      epoch: 0,
      validators,
      leaderSeed: sha256(utf8(`leaders ${seed}`)),
      genesisId: toHex(sha256(utf8('genesis'))),
      roundDeadlineMs: prng.pick([0, 100, 400]),
      delayMs: { min: 20, max: 400, start: 60 },
      timeoutCapMs: 3_000,
      resendMs: 150,
      syncAfterMs: 700
    }
    this.#lossPercent = prng.pick([0, 5, 15, 30])
    this.#delayMsMax = prng.pick([10, 40, 150])
    this.#losesCertificates = this.#liar === null && prng.oneIn(2)
    this.#healMs = 800 + prng.below(2_500)
    const halves = this.#adversary?.twin ? this.#halves(this.#liar!) : null
    for (let index = 0; index < size; index++)
      this.#add(index, index === this.#liar ? (halves?.[0] ?? null) : null)
    if (halves !== null) this.#add(this.#liar!, halves[1])
    this.#plan()
  }

  run(): void {
    for (const node of this.#nodes) node.start()
    for (let count = 0; count < EVENTS_MAX; count++) {
      const event = this.#next()
      if (event === undefined) break
      this.#nowMs = event.atMs
      event.run()
      if (this.#watch()) return
    }
    this.#checker.stuck(this.#nowMs)
  }

  outcome(violation: string | null): Outcome {
    return {
      seed: this.#seed,
      adversary: this.#adversary?.name ?? 'none',
      nodes: this.#config.validators.length,
      height: this.#checker.height,
      accusations: this.#checker.accusations,
      simulatedMs: this.#nowMs,
      deliveries: this.#deliveries,
      trace: toHex(sha256(new Uint8Array(Uint32Array.from(this.#trace).buffer))),
      violation
    }
  }

  // ---------------------------------------------------------------- who takes part

  #add(index: number, reaches: ReadonlySet<number> | null): void {
    const honest = index !== this.#liar
    const skewMs = this.#prng.below(100_000)
    const ratePercent = 90 + this.#prng.below(21)
    const place = this.#nodes.length
    const others = this.#config.validators.map((_, i) => i).filter(i => i !== index)
    const tell = (to: number, message: Message) => {
      if (reaches?.has(to) ?? true) this.#transmit(place, index, to, message)
    }
    const adversary = honest ? null : this.#adversary
    const checker = this.#checker
    const node: SimNode = new SimNode(
      { ...this.#config, self: index },
      {
        rules: this.#rules,
        honest,
        nowMs: () => skewMs + Math.floor((this.#nowMs * ratePercent) / 100),
        after: (delayMs, run) => this.#at(this.#nowMs + Math.ceil((delayMs * 100) / ratePercent), run),
        broadcast: message => {
          if (adversary === null) for (const to of others) tell(to, message)
          else
            for (const { to, message: lie } of adversary.tell(this.#liarAt(node, others), message))
              tell(to, lie)
        },
        send: tell,
        anyPeer: () => this.#prng.pick(others),
        below: bound => this.#prng.below(Math.max(1, bound)),
        signed: vote => honest && checker.vote(vote),
        believes: certificate => honest && checker.certificate(certificate),
        finalised: block => honest && checker.final(index, block),
        restarted: height => honest && checker.restart(index, height),
        accuses: validator => honest && checker.accused(validator),
        broke: () => honest && checker.broke(index),
        crashed: () => {
          this.#note(place, 'crash')
          node.disk.crash(this.#prng, this.#losesCertificates)
          this.#at(
            Math.min(this.#nowMs + 50 + this.#prng.below(1_000), Math.max(this.#nowMs, this.#healMs)),
            () => node.start()
          )
        }
      }
    )
    this.#nodes.push(node)
    this.#reaches.push(reaches)
  }

  /** What each of a liar's two bodies reaches and hears. */
  #halves(liar: number): readonly [ReadonlySet<number>, ReadonlySet<number>] {
    const others = this.#prng.shuffle(this.#config.validators.map((_, i) => i).filter(i => i !== liar))
    const middle = others.length >> 1
    return [new Set(others.slice(0, middle)), new Set(others.slice(middle))]
  }

  #liarAt(node: SimNode, others: readonly number[]): Liar {
    const self = node.index
    return {
      prng: this.#prng,
      self,
      others,
      leads: slot => this.#rules.leaderOf(this.#config, slot) === self,
      blocksOf: slot => node.blocksOf(slot),
      second: this.#second,
      signVote: body => signVote(self, body),
      signBlock: (block, valid) => signBlock(self, block, valid, this.#prng.u32())
    }
  }

  // ---------------------------------------------------------------- network and time

  #transmit(fromPlace: number, from: number, to: number, message: Message): void {
    const healed = this.#nowMs >= this.#healMs
    if (!healed && (this.#isCut(fromPlace, to) || this.#prng.below(100) < this.#lossPercent)) return
    const copies = this.#prng.oneIn(20) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const slow = !healed && this.#prng.oneIn(30) ? 600 : 0
      const delayMs = 1 + this.#prng.below(healed ? 30 : this.#delayMsMax + slow)
      this.#at(this.#nowMs + delayMs, () => {
        for (const [place, node] of this.#nodes.entries()) {
          if (node.index !== to || !(this.#reaches[place]?.has(from) ?? true)) continue
          this.#deliveries++
          this.#note(place, message.type)
          node.receive(from, message)
        }
      })
    }
  }

  #plan(): void {
    const { below } = bound(this.#prng)
    for (let partitions = below(3); partitions > 0; partitions--) {
      const startMs = below(this.#healMs)
      const side = this.#nodes.map(() => this.#prng.oneIn(2))
      const oneWay = this.#prng.oneIn(2)
      this.#at(startMs, () => {
        this.#isCut = (from, to) => side[from] !== side[to] && (!oneWay || side[from] === true)
      })
      this.#at(startMs + 100 + below(1_500), () => {
        this.#isCut = () => false
      })
    }
    for (let crashes = below(5); crashes > 0; crashes--) {
      const node = this.#prng.pick(this.#nodes)
      const effects = 1 + below(12)
      this.#at(below(this.#healMs), () => {
        node.fuse = effects
      })
    }
    // A power cut: everybody goes within a few effects.
    if (this.#losesCertificates || this.#prng.oneIn(4)) {
      this.#at(below(this.#healMs), () => {
        for (const node of this.#nodes) node.fuse = 1 + below(12)
      })
    }
    this.#at(this.#healMs, () => {
      for (const node of this.#nodes) node.fuse = null
    })
  }

  #at(atMs: number, run: () => void): void {
    push(this.#events, { atMs, order: this.#order++, run })
  }

  #next(): Event | undefined {
    return pop(this.#events)
  }

  #note(place: number, what: string): void {
    const state = this.#nodes[place]!.state
    this.#trace.push(this.#nowMs, place, what.charCodeAt(0), state?.frontier ?? 0, state?.final.slot ?? 0)
  }

  // ---------------------------------------------------------------- progress

  /** True when the run has shown what it should. */
  #watch(): boolean {
    if (this.#nowMs <= this.#healMs) return false
    const honest = this.#nodes.filter(node => node.index !== this.#liar)
    if (honest.some(node => node.state === null)) return false
    const frontier = Math.max(...honest.map(node => node.state!.frontier))
    const final = Math.max(...honest.map(node => node.state!.final.slot))
    if (this.#healedSlot === null) {
      this.#healedSlot = frontier
      this.#healedHeight = this.#checker.height
    }
    if (final < this.#healedSlot) {
      const slots = Array.from({ length: frontier - this.#healedSlot }, (_, i) => this.#healedSlot! + i)
      const liarLed = slots.filter(slot => this.#rules.leaderOf(this.#config, slot) === this.#liar).length
      this.#checker.stalled(slots.length, liarLed)
    }
    if (this.#nowMs > this.#healMs + HEALED_MS_MAX) this.#checker.stuck(this.#nowMs)
    const target = this.#healedHeight + FINALS_AFTER_HEALING
    return honest.every(node => node.state!.final.height >= target)
  }
}

const stakes = (prng: Prng, size: number): Validator[] =>
  Array.from({ length: size }, (_, i) => ({ key: keyOf(i), stake: BigInt(1 + prng.below(10)) }))

/** Somebody with less than a third of the stake, heavy ones first: they can do the most harm. */
const mayLie = (validators: readonly Validator[], prng: Prng): number | null => {
  const total = validators.reduce((sum, { stake }) => sum + stake, 0n)
  const light = validators
    .map(({ stake }, index) => ({ stake, index }))
    .filter(({ stake }) => 3n * stake < total)
    .sort((a, b) => Number(b.stake - a.stake) || a.index - b.index)
  if (light.length === 0) return null
  return light[prng.oneIn(2) ? 0 : prng.below(light.length)]!.index
}

const bound = (prng: Prng) => ({ below: (n: number) => prng.below(Math.max(1, n)) })

// ---------------------------------------------------------------- a binary heap by time, then order

const earlier = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

const push = (heap: Event[], event: Event): void => {
  let at = heap.push(event) - 1
  while (at > 0) {
    const above = (at - 1) >> 1
    if (earlier(heap[above]!, event)) break
    heap[at] = heap[above]!
    at = above
  }
  heap[at] = event
}

const pop = (heap: Event[]): Event | undefined => {
  const first = heap[0]
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let below = 2 * at + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && earlier(heap[below + 1]!, heap[below]!)) below++
    if (earlier(last, heap[below]!)) break
    heap[at] = heap[below]!
    at = below
  }
  heap[at] = last
  return first
}
