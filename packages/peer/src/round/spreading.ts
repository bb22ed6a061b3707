/**
 * The certificates above the final block: kept for those who are behind, and sent once. Everybody forms the same
 * certificate out of the same votes; one copy is enough for those who missed some of them. The slot's leader sends
 * it at once, the others in turn, each only if gossip has brought none by then.
 */
import { toHex } from '@gradmesh/core'
import { type Certificate, encodeCertificate } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { Echoes } from '../echoes.ts'
import type { Held } from '../holding.ts'
import { Delays } from './delays.ts'
import type { Epoch } from './epochs.ts'

/** How long a validator that does not lead waits before it sends a certificate that gossip did not bring. */
const SPREAD_MS = 250
const SPREAD_TURN_MS = 50
/** A few a slot, for the slots above the final one. */
const KEPT_MAX = 256
/** Those that need not be sent again; one more than that is only sent twice. */
const SPREAD_MAX = 1024
/** One answer reaches all who wait for it. */
const ANSWER_EVERY_MS = 1000

export class Spreading {
  readonly #context: Context
  readonly #finalSlot: () => number
  readonly #kept = new Map<string, Certificate>()
  /** Those that gossip has carried, from us or from others. */
  readonly #spread = new Set<string>()
  readonly #turns: Delays
  readonly #answered: Echoes

  constructor(context: Context, finalSlot: () => number) {
    this.#context = context
    this.#finalSlot = finalSlot
    this.#turns = new Delays(context.clock)
    this.#answered = new Echoes(context.clock, ANSWER_EVERY_MS)
  }

  kept(): Certificate[] {
    return [...this.#kept.values()]
  }

  isKept(certificate: Certificate): boolean {
    return this.#kept.has(keyOf(certificate))
  }

  isSpread(certificate: Certificate): boolean {
    return this.#spread.has(keyOf(certificate))
  }

  held(): readonly Held[] {
    return [
      { what: 'certificates', entries: this.#kept.size, max: KEPT_MAX },
      { what: 'spread certificates', entries: this.#spread.size, max: SPREAD_MAX },
      { what: 'certificates that wait for their turn', entries: this.#turns.size, max: SPREAD_MAX },
      this.#answered.held('certificates answered with')
    ]
  }

  keep(certificate: Certificate): void {
    if (certificate.slot <= this.#finalSlot()) return
    if (this.#kept.size < KEPT_MAX) this.#kept.set(keyOf(certificate), certificate)
  }

  markSpread(certificate: Certificate): void {
    this.#spread.add(keyOf(certificate))
    if (this.#spread.size > SPREAD_MAX) this.#spread.delete(this.#spread.keys().next().value!)
  }

  /** Sends one that was formed here, when it is this validator's turn and nobody else has. */
  async publish(certificate: Certificate, epoch: Epoch): Promise<void> {
    if (this.isSpread(certificate)) return
    const { self, seats } = epoch
    const leader = epoch.leader(certificate.slot)
    if (self === leader) return this.#publish(certificate)
    const turn = ((self ?? seats.length) - leader + seats.length) % seats.length
    this.#turns.after(SPREAD_MS + turn * SPREAD_TURN_MS, () => {
      const isNeeded = !this.isSpread(certificate) && certificate.slot > this.#finalSlot()
      if (isNeeded) void this.#publish(certificate).catch(error => this.#context.fail(error))
    })
  }

  async #publish(certificate: Certificate): Promise<void> {
    this.markSpread(certificate)
    await this.#send(certificate)
  }

  /** Tells somebody who is behind, though all the others have heard it. */
  async answer(certificate: Certificate): Promise<void> {
    if (!this.#answered.isEcho(keyOf(certificate))) await this.#send(certificate)
  }

  async #send(certificate: Certificate): Promise<void> {
    const { net, topics } = this.#context
    await net.publish(topics.certificates.name, encodeCertificate(certificate))
  }

  prune(): void {
    const final = this.#finalSlot()
    for (const key of this.#spread) if (slotOf(key) <= final) this.#spread.delete(key)
    for (const [key, { slot }] of this.#kept) if (slot <= final) this.#kept.delete(key)
  }

  stop(): void {
    this.#turns.stop()
  }
}

const keyOf = ({ slot, kind, blockId }: Certificate): string => `${slot}/${kind}/${toHex(blockId)}`

const slotOf = (key: string): number => Number(key.slice(0, key.indexOf('/')))
