/** One simulated machine: a disk, a clock, and the lives of the peer on it, one after the other. */
import { type Clock, MeshError, Prng } from '@gradmesh/core'
import type { Net } from '@gradmesh/net'
import type { MemoryHub } from '@gradmesh/net/memory'
import type { Certificate, Genesis, KeyPair } from '@gradmesh/wire'
import type { Checker } from './checker.ts'
import { SimDisk } from './disk.ts'
import { Life } from './life.ts'
import type { Timeline } from './timeline.ts'
import { violate } from './violation.ts'

const REPAIR_MS = 300

export interface Surroundings {
  readonly timeline: Timeline
  readonly hub: MemoryHub
  readonly checker: Checker
  readonly genesis: Genesis
  readonly genesisBytes: Uint8Array
  readonly diskMsMax: number
  note(place: number, what: string, bytes?: Uint8Array): void
  /** Something in the mesh went wrong for good. */
  violated(error: unknown): void
  online(node: SimNode): void
  certified(certificate: Certificate): void
}

export interface Machine {
  readonly place: number
  /** Index into the validators, null for a follower. */
  readonly validator: number | null
  readonly honest: boolean
  readonly keys: KeyPair
  /** On the network; two bodies of one key have two. */
  readonly netKey: string
  readonly clock: { readonly offsetMs: number; readonly ratePercent: number }
  /** What stands between the peer and its network. */
  readonly bend: (net: Net, clock: Clock) => Net
}

const NEVER_ENDING_CODES: ReadonlySet<string> = new Set(['STORE_FULL', 'STORE_IO', 'STORE_SAFETY_STOPPED'])
const DAMAGE_CODES: ReadonlySet<string> = new Set(['STORE_CORRUPT', 'CHAIN_BROKEN', 'CHAIN_BELOW_SAFETY'])

export class SimNode {
  readonly machine: Machine
  readonly #world: Surroundings
  readonly #prng: Prng
  readonly disk: SimDisk
  life: Life | null = null
  /** Its record of what it has signed is gone: it must never sign again. */
  lost = false
  /** Something was done to its chain that it has to notice by itself. */
  damaged = false
  /** Its disk refused a write, or said that it did. */
  wasRefused = false
  /** Its record of what it has signed was changed. */
  tampered = false
  /** How far its time of day was set since the start. */
  wallMs = 0
  /** Its newest chain was taken away from it since it last started. */
  rolledBack = false
  /** Votes, own blocks and own deltas that are on the disk, as bytes. */
  readonly recorded = new Set<string>()
  /** The network of a life that has ended, for as long as the others believe in it. */
  lingering: Net | null = null
  #pausedUntilMs = 0

  private constructor(world: Surroundings, machine: Machine, disk: SimDisk, prng: Prng) {
    this.#world = world
    this.machine = machine
    this.disk = disk
    this.#prng = prng
  }

  static async of(world: Surroundings, machine: Machine, seed: string): Promise<SimNode> {
    return new SimNode(world, machine, await SimDisk.of(machine.keys.publicKey), new Prng(seed))
  }

  get world(): Surroundings {
    return this.#world
  }

  get prng(): Prng {
    return this.#prng
  }

  get pausedUntilMs(): number {
    return this.#pausedUntilMs
  }

  /** Asked once for each time. */
  isRolledBack(): boolean {
    const { rolledBack } = this
    this.rolledBack = false
    return rolledBack
  }

  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs)
  }

  /** Starts the process, unless it runs. */
  start(): void {
    if (this.life !== null || this.lost) return
    this.life = new Life(this)
    this.life.begun = this.life.begin()
  }

  /** The power goes now; the machine is back after `downMs`. */
  async crash(downMs: number, before: () => Promise<void> = async () => {}): Promise<void> {
    const { life } = this
    if (life === null) return
    this.#world.note(this.machine.place, 'crash')
    life.end()
    this.disk.crash(this.#prng)
    await before()
    this.#comeBack(life, downMs)
  }

  /** The process is told to end. */
  async stop(downMs: number): Promise<void> {
    const { life } = this
    if (life === null || life.stopping) return
    this.#world.note(this.machine.place, 'stop')
    life.stopping = true
    await life.peer.stop()
    await life.begun
    if (life !== this.life) return
    if (life.online) violate(`peer ${this.machine.place} was stopped and is on the network`)
    life.end()
    this.disk.reopen()
    this.#comeBack(life, downMs)
  }

  /** The process ended by itself, in this way. */
  died(life: Life, error: unknown): void {
    if (life !== this.life) return
    const code = error instanceof MeshError ? error.code : 'unknown'
    this.#world.note(this.machine.place, code)
    life.end()
    this.disk.reopen()
    const isSafetyLost = code === 'STORE_SAFETY_MISMATCH' || (code === 'STORE_CORRUPT' && this.tampered)
    if (isSafetyLost && this.damaged) {
      this.lost = true
      this.life = null
    } else if (DAMAGE_CODES.has(code) && this.damaged) {
      this.disk.moveChainAway()
      if (this.machine.honest) this.#world.checker.restarted(this.machine.place, 0, false)
      this.#comeBack(life, REPAIR_MS)
    } else if ((NEVER_ENDING_CODES.has(code) && this.wasRefused) || !this.machine.honest) {
      this.#comeBack(life, REPAIR_MS)
    } else {
      this.#world.violated(
        error instanceof Error
          ? new Error(`peer ${this.machine.place} stopped: ${code}: ${error.message}`, { cause: error })
          : error
      )
    }
  }

  #comeBack(life: Life, downMs: number): void {
    this.#world.timeline.after(downMs, () => {
      if (this.life !== life) return
      this.life = null
      if (this.disk.trouble.isFull) this.life = life
      if (this.life === null) this.start()
      else this.#comeBack(life, REPAIR_MS)
    })
  }
}
