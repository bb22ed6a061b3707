/**
 * How long the vote takes to heal: seven peers with the daemon's own timing on a quick network, one misfortune after
 * another as `npm run chaos` does to real processes. Nothing lies here and little is lost; what is looked at is time.
 */
import type { ConsensusConfig } from '@gradmesh/consensus'
import { Prng, sha256, toHex, utf8 } from '@gradmesh/core'
import { votingTiming } from '@gradmesh/peer/parts'
import { oneEpoch, Turns } from './epochs.ts'
import { Events } from './events.ts'
import { SimNode } from './node.ts'
import { keyOf, twinSignatures } from './signature.ts'
import type { Message, Rules } from './types.ts'

const PEERS = 7
const ROUND_DEADLINE_MS = 1500
/** A message takes up to so long: the network, the queue of a busy peer, a disk. */
const DELAY_MS_MAX = 40
const MISFORTUNE_MS_MAX = 8000
const PEACE_MS_MAX = 3000
/** From the start of a process until it votes. */
const START_MS = 3500
const PATIENCE_MS = 300_000

const misfortunes = ['kill', 'kill of three', 'pause', 'cut off two', 'cut off three'] as const
export type Misfortune = (typeof misfortunes)[number]

export interface Healing {
  readonly seed: number
  readonly misfortune: Misfortune
  /** Which of the seed's. */
  readonly count: number
  /** From the end of the misfortune (of a kill: from when the processes vote again) to a new final block everywhere. */
  readonly ms: number
}

/** So many misfortunes, one after the other. */
export const healings = (seed: number, count: number, rules: Rules): Healing[] => {
  const world = new HealingWorld(seed, rules)
  return Array.from({ length: count }, (_, i) => world.suffer(i))
}

class HealingWorld {
  readonly #seed: number
  readonly #rules: Rules
  readonly #prng: Prng
  readonly #events = new Events()
  readonly #nodes: SimNode[]
  readonly #config: Omit<ConsensusConfig, 'self'>
  /** Until when each stands still. */
  readonly #pausedMs: number[] = Array(PEERS).fill(0)
  readonly #heights: number[] = Array(PEERS).fill(0)
  #few: ReadonlySet<number> = new Set()
  #nowMs = 0

  constructor(seed: number, rules: Rules) {
    this.#seed = seed
    this.#rules = rules
    this.#prng = new Prng(`healing ${seed}`)
    const validators = Array.from({ length: PEERS }, (_, i) => ({ key: keyOf(i), stake: 1n }))
    this.#config = {
      ...votingTiming,
      epoch: 0,
      firstSlot: 1,
      validators,
      leaderSeed: sha256(utf8(`healing ${seed}`)),
      genesisId: toHex(sha256(utf8('genesis'))),
      roundDeadlineMs: ROUND_DEADLINE_MS
    }
    const turns = new Turns(oneEpoch(validators))
    this.#nodes = validators.map((_, index) => this.#node(index, turns))
    for (const node of this.#nodes) node.start()
    this.#runUntil(() => this.#heights.every(height => height > 3))
  }

  suffer(count: number): Healing {
    const misfortune = this.#prng.pick(misfortunes)
    const victims = this.#prng.shuffle(this.#nodes.map((_, i) => i))
    const endMs = this.#nowMs + this.#prng.below(MISFORTUNE_MS_MAX)
    if (misfortune === 'pause') this.#pausedMs[victims[0]!] = endMs
    else if (misfortune.startsWith('cut off'))
      this.#few = new Set(victims.slice(0, misfortune === 'cut off two' ? 2 : 3))
    else for (const victim of victims.slice(0, misfortune === 'kill' ? 1 : 3)) this.#kill(victim, endMs)
    this.#runUntil(() => this.#nowMs >= endMs)
    this.#few = new Set()
    const before = Math.max(...this.#heights)
    const healedMs = this.#runUntil(() => this.#heights.every(height => height > before))
    const peaceMs = this.#nowMs + this.#prng.below(PEACE_MS_MAX)
    this.#runUntil(() => this.#nowMs >= peaceMs)
    const ms = healedMs - endMs - (misfortune.startsWith('kill') ? START_MS : 0)
    return { seed: this.#seed, misfortune, count, ms: Math.max(0, ms) }
  }

  #kill(victim: number, endMs: number): void {
    const node = this.#nodes[victim]!
    node.crash()
    this.#at(endMs + START_MS, () => node.start())
  }

  #node(index: number, turns: Turns): SimNode {
    const others = Array.from({ length: PEERS }, (_, i) => i).filter(i => i !== index)
    const send = (to: number, message: Message): void => this.#transmit(index, to, message)
    const node: SimNode = new SimNode(index, {
      rules: this.#rules,
      turns,
      configOf: () => ({ ...this.#config, self: index }),
      signatures: twinSignatures,
      honest: true,
      nowMs: () => this.#nowMs,
      after: (delayMs, run) => this.#at(this.#nowMs + delayMs, () => this.#awake(index, run)),
      leaderOf: slot => this.#rules.leaderOf(this.#config, slot),
      broadcast: message => {
        for (const to of others) send(to, message)
      },
      send,
      anyPeer: () => this.#prng.pick(others),
      below: bound => this.#prng.below(Math.max(1, bound)),
      signed: () => {},
      proposed: () => {},
      believes: () => {},
      finalised: ({ height }) => {
        this.#heights[index] = height
      },
      restarted: () => {},
      accuses: () => {},
      broke: () => {},
      crashed: () => node.disk.crash(this.#prng, false)
    })
    return node
  }

  #transmit(from: number, to: number, message: Message): void {
    if (this.#few.has(from) !== this.#few.has(to)) return
    this.#at(this.#nowMs + 1 + this.#prng.below(DELAY_MS_MAX), () =>
      this.#awake(to, () => this.#nodes[to]!.receive(from, message))
    )
  }

  /** Who stands still sees nothing until it goes on, then all of it in order. */
  #awake(index: number, run: () => void): void {
    if (this.#nowMs >= this.#pausedMs[index]!) run()
    else this.#at(this.#pausedMs[index]!, () => this.#awake(index, run))
  }

  #at(atMs: number, run: () => void): void {
    this.#events.push(atMs, run)
  }

  /** Answers when it was so. */
  #runUntil(isSo: () => boolean): number {
    const untilMs = this.#nowMs + PATIENCE_MS
    while (!isSo() && this.#nowMs < untilMs) {
      const event = this.#events.pop()
      if (event === undefined) break
      this.#nowMs = event.atMs
      event.run()
    }
    return this.#nowMs
  }
}
