/**
 * One simulated machine: a disk, a clock, and the lives of the peer on it. A life is the daemon's own `MeshPeer` on
 * ports that end with it: after a crash nothing that it still does has any effect.
 */
import {
  type Clock,
  isFault,
  MeshError,
  Prng,
  pause,
  silentLogger,
  silentMetrics,
  toHex,
  toLatin1
} from '@gradmesh/core'
import type { Net } from '@gradmesh/net'
import type { MemoryHub } from '@gradmesh/net/memory'
import { MeshPeer, makeStateTable, type NodeOptions, type Ports, serveHere } from '@gradmesh/peer/parts'
import type { SafetyStore } from '@gradmesh/store'
import { openMemorySafety } from '@gradmesh/store/memory-safety'
import {
  bitmapHas,
  blockIdOf,
  type Certificate,
  decodeAttest,
  decodeBlock,
  decodeCertificate,
  decodeSignedDelta,
  decodeVote,
  deltaDigest,
  type Genesis,
  type KeyPair,
  type Vote,
  VoteKind
} from '@gradmesh/wire'
import { SEAL_BYTES } from '../../../packages/store/src/sealed.ts'
import { bound } from './bound.ts'
import type { Checker } from './checker.ts'
import { SimDisk, watched } from './disk.ts'
import { skewedClock, type Timeline } from './timeline.ts'
import { simTrainer } from './trainer.ts'
import { violate } from './violation.ts'

const CERTIFICATE = 'c'.charCodeAt(0)
/** How long after its process has died a machine still holds its connections. */
const LINGER_MS = 100
const REPAIR_MS = 300
/** To open a socket takes up to so long. */
const LISTEN_MS = 60

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

const hang = <T>(): Promise<T> => new Promise(() => {})

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

export class Life {
  readonly node: SimNode
  readonly peer: MeshPeer
  alive = true
  stopping = false
  /** Resolves when it has started, or has failed to. */
  begun: Promise<void> = Promise.resolve()
  online = false
  /** The power goes at this many effects from now. */
  fuse: { effects: number; readonly burn: () => void } | null = null
  #net: Net | null = null
  readonly #clock: Clock

  constructor(node: SimNode) {
    this.node = node
    const { world, machine } = node
    const { nowMs, wallMs, after } = skewedClock(world.timeline, machine.clock, run => this.#enter(run))
    this.#clock = { nowMs, wallMs: () => wallMs() + node.wallMs, after }
    this.peer = new MeshPeer(this.#ports(), OPTIONS, machine.keys, world.genesis, world.genesisBytes)
    this.peer.journal.subscribe(event => {
      if (event.type === 'final' && this.alive && machine.honest)
        this.#guard(() => world.checker.final(machine.place, event.height, event.id))
    })
    this.peer.finished.catch(error => this.#fail(error))
  }

  async begin(): Promise<void> {
    const { world, machine } = this.node
    try {
      await this.peer.open()
      if (this.alive && machine.honest)
        world.checker.restarted(
          machine.place,
          this.peer.context.chain.head().height,
          !this.node.isRolledBack()
        )
      await this.peer.start()
    } catch (error) {
      await this.#fail(error)
    }
  }

  /** As the daemon's command does: takes the peer apart, and ends. */
  async #fail(error: unknown): Promise<void> {
    if (!this.alive || this.stopping) return
    this.stopping = true
    await this.peer.stop()
    if (this.alive) this.node.died(this, error)
  }

  /** From now on it is nobody. */
  end(): void {
    this.alive = false
    this.online = false
    this.fuse = null
    const net = this.#net
    if (net === null) return
    this.node.lingering = net
    this.node.world.timeline.after(this.node.prng.below(LINGER_MS), () => void net.stop())
  }

  /** A timer, a message: it waits while the process stands still, and finds nobody after its end. */
  #enter(run: () => void): void {
    if (!this.alive) return
    const { timeline } = this.node.world
    if (this.node.pausedUntilMs > timeline.nowMs) timeline.at(this.node.pausedUntilMs, () => this.#enter(run))
    else run()
  }

  /** While the process stands still nothing goes on. */
  async #awake(): Promise<void> {
    const { timeline } = this.node.world
    while (this.node.pausedUntilMs > timeline.nowMs)
      await new Promise<void>(resolve => {
        timeline.at(this.node.pausedUntilMs, resolve)
      })
  }

  /** Something that others or the disk will know of. The power may go right before it or right after. */
  async #effect<T>(run: () => Promise<T>): Promise<T> {
    if (!this.alive) return hang()
    if (this.fuse !== null && this.fuse.effects-- <= 0) {
      const { burn } = this.fuse
      this.fuse = null
      if (this.node.prng.oneIn(2)) void run().catch(() => {})
      burn()
      return hang()
    }
    const result = await run()
    return this.alive ? result : hang()
  }

  #guard(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.node.world.violated(error)
    }
  }

  // ---------------------------------------------------------------- ports

  #ports(): Ports {
    const { node } = this
    const { world, machine, disk } = node
    const wait = async (): Promise<void> => {
      if (world.diskMsMax > 0) await pause(this.#clock, node.prng.below(world.diskMsMax))
    }
    const write = (run: () => Promise<void>) =>
      this.#effect(async () => {
        await run()
        await wait()
      })
    return {
      clock: this.#clock,
      metrics: silentMetrics,
      loopDelay: { p99Ms: () => 0, reset: () => {} },
      openSafety: async () => {
        const database = watched(disk.safety, write)
        const { mirror } = disk
        const append = (record: Parameters<typeof mirror.append>[0]): Promise<void> =>
          this.#effect(async () => {
            mirror.failure = disk.trouble.isFull ? Object.assign(new Error('full'), { code: 'ENOSPC' }) : null
            await mirror.append(record)
          })
        const safety = await openMemorySafety({
          database,
          mirror: { newest: mirror.newest, append, close: async () => {} }
        })
        return machine.honest ? await this.#watchSafety(safety) : safety
      },
      openDatabase: async () =>
        watched(disk.chain, async (run, operations) => {
          await write(run)
          if (!machine.honest) return
          for (const operation of operations) {
            if (operation.type !== 'put' || operation.key[0] !== CERTIFICATE) continue
            const certificate = decodeCertificate(operation.value.subarray(0, -SEAL_BYTES))
            if (isFault(certificate)) continue
            this.#guard(() => {
              if (world.checker.certificate(certificate)) world.certified(certificate)
            })
          }
        }),
      openState: () => serveHere(makeStateTable()),
      openCompute: () => serveHere(simTrainer(world.genesis, this.#clock, node.prng)),
      openNet: async () => {
        await node.lingering?.stop()
        const net = world.hub.net(machine.netKey)
        this.#net = net
        return this.#watchNet(net)
      },
      checkTrust: async () => {}
    }
  }

  /** Votes are judged as they are signed. */
  async #watchSafety(safety: SafetyStore): Promise<SafetyStore> {
    const { node } = this
    const { world, recorded, machine, disk } = node
    const signed = (bytes: Uint8Array): Vote | undefined => {
      recorded.add(toLatin1(bytes))
      const vote = decodeVote(bytes)
      if (isFault(vote)) return undefined
      this.#guard(() => world.checker.vote(vote))
      return vote
    }
    const votes = await safety.votesFrom(0).catch(error => {
      if (!node.tampered) throw error
      return []
    })
    for (const { bytes } of votes) signed(bytes)
    return bound(safety, {
      recordVote: async (facts, bytes) => {
        await safety.recordVote(facts, bytes)
        const vote = signed(bytes)
        if (vote?.kind === VoteKind.NOTAR && !disk.keepsBlock(vote.blockId))
          this.#guard(() =>
            violate(`peer ${machine.place} signed NOTAR in slot ${vote.slot} for what its disk may lose`)
          )
      },
      recordOwnBlock: async (slot, id, bytes) => {
        await safety.recordOwnBlock(slot, id, bytes)
        recorded.add(toLatin1(bytes))
      },
      ownBlock: async slot => {
        const own = await safety.ownBlock(slot)
        if (own?.bytes) recorded.add(toLatin1(own.bytes))
        return own
      },
      recordSeal: async (round, digest, bytes) => {
        await safety.recordSeal(round, digest, bytes)
        recorded.add(toLatin1(bytes))
      },
      seal: async round => {
        const own = await safety.seal(round)
        if (own?.bytes) recorded.add(toLatin1(own.bytes))
        return own
      }
    })
  }

  /** What an honest peer is about to send must be on its disk, and contradict nothing that it sent before. */
  #judge(topic: string, message: Uint8Array): void {
    const { world, recorded, machine } = this.node
    const { topics } = this.peer.context
    const isPromise =
      topic === topics.votes.name || topic === topics.blocks.name || topic === topics.deltas.name
    if (isPromise && !recorded.has(toLatin1(message)))
      violate(`peer ${machine.place} sent ${topic.split('/').at(-1)} that are not on its disk`)
    if (topic === topics.blocks.name) {
      const block = decodeBlock(message)
      if (!isFault(block))
        world.checker.proposed(machine.place, block.header.slot, toHex(blockIdOf(block.header)))
    } else if (topic === topics.deltas.name) {
      const delta = decodeSignedDelta(message)
      if (!isFault(delta))
        world.checker.delta(machine.place, delta.header.round, toHex(deltaDigest(delta.header)))
    } else if (topic === topics.attests.name) this.#judgeAttest(message)
  }

  /** "I hold these" is a promise about the disk. */
  #judgeAttest(message: Uint8Array): void {
    const { disk, machine } = this.node
    const { ledger, pool } = this.peer
    const attest = decodeAttest(message)
    if (isFault(attest) || ledger === undefined || pool?.round !== attest.round) return
    const { round, trainers } = ledger.final.accounts
    if (round !== attest.round) return
    for (const [index, { key }] of trainers.entries()) {
      const held = bitmapHas(attest.bitmap, index) ? pool.ofTrainer(toHex(key)) : undefined
      if (held !== undefined && !disk.keepsDelta(deltaDigest(held.signed.header)))
        violate(`peer ${machine.place} attested a delta of round ${round} that its disk may lose`)
    }
  }

  #watchNet(inner: Net): Net {
    const { node } = this
    const { world, machine } = node
    const watchedNet = bound(inner, {
      start: async () => {
        await pause(this.#clock, node.prng.below(LISTEN_MS))
        await inner.start()
        if (!this.alive) return inner.stop()
        this.online = true
        world.online(node)
      },
      stop: async () => {
        this.online = false
        await inner.stop()
      },
      publish: (topic, message) => {
        if (!this.alive) return hang()
        if (machine.honest) this.#guard(() => this.#judge(topic, message))
        world.note(machine.place, 'publish', message)
        return this.#effect(() => inner.publish(topic, message))
      },
      request: async (peer, protocol, message, options) => {
        if (!this.alive) return hang()
        const reply = await this.#effect(() => inner.request(peer, protocol, message, options))
        await this.#awake()
        return this.alive ? reply : hang()
      },
      subscribe: (topic, options, handler) =>
        inner.subscribe(topic, options, async (message, from) => {
          await this.#awake()
          return this.alive ? handler(message, from) : 'ignore'
        }),
      handle: (protocol, maxBytes, handler) =>
        inner.handle(protocol, maxBytes, async (message, from, onEnd) => {
          await this.#awake()
          return this.alive ? handler(message, from, onEnd) : hang()
        }),
      onConnect: listener =>
        inner.onConnect(peer => {
          if (this.alive) listener(peer)
        }),
      onDisconnect: listener =>
        inner.onDisconnect(peer => {
          if (!this.alive) return
          world.online(node)
          listener(peer)
        })
    })
    return machine.bend(watchedNet, this.#clock)
  }
}

const OPTIONS: NodeOptions = {
  folder: '',
  http: { host: '127.0.0.1', port: 0 },
  listen: [],
  bootstrap: [],
  mdns: false,
  adapter: null,
  dataset: null,
  train: true,
  label: 'simulated',
  evaluateEvery: 1_000_000,
  logger: silentLogger
}
