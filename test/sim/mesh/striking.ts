/** What the plan does to machines: power, disks, clocks, orders of operators, strangers. */
import { Prng, pause, toHex, utf8 } from '@gradmesh/core'
import { topicsOf } from '@gradmesh/peer'
import { chainIdOf, encodeTransaction, type Genesis, keyPairFromSeed, signRegister } from '@gradmesh/wire'
import { twinSeed } from './keys.ts'
import type { Network } from './network.ts'
import type { SimNode } from './node.ts'
import { Order } from './order.ts'
import type { Fault, Plan } from './plan.ts'
import { type Timeline, trueClock } from './timeline.ts'

/** How often an operator looks whether an order was heard. */
const ORDER_MS = 400

export interface StrikingParts {
  readonly plan: Plan
  readonly genesis: Genesis
  readonly timeline: Timeline
  readonly network: Network
  readonly nodes: readonly SimNode[]
  readonly violated: (error: unknown) => void
}

export class Striking {
  readonly #parts: StrikingParts
  readonly #orders = new Set<Order>()

  constructor(parts: StrikingParts) {
    this.#parts = parts
  }

  /** What honest operators want and a block could take has become final. */
  get areOrdersDone(): boolean {
    return [...this.#orders].every(({ isDone, isPossible, isHonest }) => isDone || !isPossible || !isHonest)
  }

  schedule(): void {
    const { plan, timeline } = this.#parts
    for (const fault of plan.faults) timeline.at(fault.atMs, () => this.#strike(fault))
    if (plan.faults.some(({ kind }) => kind === 'order')) this.#bringOrders()
  }

  /** Whatever was broken works again. */
  heal(): void {
    for (const node of this.#parts.nodes) {
      node.disk.trouble.isFull = false
      node.disk.trouble.losesAnswerOf = null
      if (node.life !== null) node.life.fuse = null
    }
  }

  /** An operator repeats what has not become final yet. */
  #bringOrders(): void {
    for (const order of this.#orders) {
      if (order.isDone) this.#orders.delete(order)
      else void order.bring().catch(this.#parts.violated)
    }
    this.#parts.timeline.after(ORDER_MS, () => this.#bringOrders())
  }

  #strike(fault: Fault): void {
    const { nodes, timeline, network, violated } = this.#parts
    switch (fault.kind) {
      case 'partition':
        network.cut(fault)
        return
      case 'crash':
        this.#lightFuse(fault)
        return
      case 'stop':
        void nodes[fault.peer]!.stop(fault.downMs).catch(violated)
        return
      case 'pause':
        nodes[fault.peer]!.pause(fault.endMs)
        return
      case 'full': {
        const node = nodes[fault.peer]!
        node.disk.trouble.isFull = true
        node.wasRefused = true
        timeline.at(fault.endMs, () => {
          node.disk.trouble.isFull = false
        })
        return
      }
      case 'lost-answer': {
        const node = nodes[fault.peer]!
        node.disk.trouble.losesAnswerOf = fault.database
        node.wasRefused = true
        return
      }
      case 'clock':
        nodes[fault.peer]!.wallMs += fault.byMs
        return
      case 'order':
        this.#orders.add(new Order(nodes[fault.peer]!, fault))
        return
      case 'flood':
        this.#flood(fault.count)
    }
  }

  #lightFuse({ peer, effects, downMs, disk }: Extract<Fault, { kind: 'crash' }>): void {
    const node = this.#parts.nodes[peer]!
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
      burn: () => void node.crash(downMs, harm).catch(this.#parts.violated)
    }
  }

  /** From everybody's neighbour: registrations of keys that nobody has heard of. */
  #flood(count: number): void {
    const { plan, genesis, timeline, network, nodes } = this.#parts
    const chainId = chainIdOf(genesis)
    const topics = topicsOf(chainId)
    const node = nodes.find(({ life }) => life?.online)
    if (node === undefined) return
    const key = toHex(new Prng(`stranger ${plan.seed}`).bytes(32))
    network.place(key, nodes.length)
    const net = network.hub.net(key)
    for (const topic of Object.values(topics)) net.subscribe(topic.name, topic, () => 'ignore')
    const pour = async (): Promise<void> => {
      await net.start()
      await net.dial(`/memory/${node.machine.netKey}`)
      for (let i = 0; i < count; i++) {
        const keys = keyPairFromSeed(twinSeed(utf8(`stranger ${plan.seed} ${i}`)))
        const tx = signRegister({ key: keys.publicKey, label: 'x' }, chainId, keys)
        await net.publish(topics.transactions.name, encodeTransaction(tx))
        if (i % 50 === 49) await pause(trueClock(timeline), 20)
      }
      await pause(trueClock(timeline), 1_000)
      await net.stop()
    }
    void pour().catch(() => {})
  }
}
