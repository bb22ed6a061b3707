/**
 * One life of a simulated machine's process: the daemon's own `MeshPeer` on ports that end with it. After a crash nothing
 * that it still does has any effect.
 */
import { type Clock, isFault, pause, silentMetrics } from '@gradmesh/core'
import type { Net } from '@gradmesh/net'
import { MeshPeer, makeStateTable, type Ports, serveHere } from '@gradmesh/peer/parts'
import { openMemorySafety } from '@gradmesh/store/memory-safety'
import { decodeCertificate } from '@gradmesh/wire'
import { twinOptions } from '../../../packages/peer/test/fixtures/options.ts'
import { SEAL_BYTES } from '../../../packages/store/src/sealed.ts'
import { bound } from './bound.ts'
import { watched } from './disk.ts'
import type { SimNode } from './node.ts'
import { judgeMessage, watchSafety } from './promises.ts'
import { skewedClock } from './timeline.ts'
import { simTrainer } from './trainer.ts'
import { violate } from './violation.ts'

const CERTIFICATE = 'c'.charCodeAt(0)
/** How long after its process has died a machine still holds its connections. */
const LINGER_MS = 100
/** To open a socket takes up to so long. */
const LISTEN_MS = 60

const hang = <T>(): Promise<T> => new Promise(() => {})

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
    const options = { ...twinOptions, label: 'simulated' }
    const { nowMs, wallMs, after } = skewedClock(world.timeline, machine.clock, run => this.#enter(run))
    this.#clock = { nowMs, wallMs: () => wallMs() + node.wallMs, after }
    this.peer = new MeshPeer(this.#ports(), options, machine.keys, world.genesis, world.genesisBytes)
    this.peer.journal.subscribe(event => {
      if (event.type === 'final' && this.alive && machine.honest)
        this.guard(() => world.checker.final(machine.place, event.height, event.id))
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

  /** Whoever breaks a rule goes on; the world hears of it. */
  readonly guard = (check: () => void): void => {
    try {
      check()
    } catch (error) {
      this.node.world.violated(error)
    }
  }

  /** No crash alone costs an error buffer. */
  #count(name: string): void {
    const { machine, damaged } = this.node
    if (name === 'gradmesh_error_buffer_lost_total' && machine.honest && !damaged)
      violate(`peer ${machine.place} has lost its error buffer`)
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
      metrics: { ...silentMetrics, count: name => this.guard(() => this.#count(name)) },
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
        return machine.honest ? await watchSafety(this, safety) : safety
      },
      openDatabase: async () =>
        watched(disk.chain, async (run, operations) => {
          await write(run)
          if (!machine.honest) return
          for (const operation of operations) {
            if (operation.type !== 'put' || operation.key[0] !== CERTIFICATE) continue
            const certificate = decodeCertificate(operation.value.subarray(0, -SEAL_BYTES))
            if (isFault(certificate)) continue
            this.guard(() => {
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
        if (machine.honest) this.guard(() => judgeMessage(this, topic, message))
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
