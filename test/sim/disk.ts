/**
 * A log that forgets what was not synced: at a crash only a chance prefix of the unsynced tail survives.
 * `losesCertificates`: they stand in a database of their own that is never synced.
 */
import type { Restored, SlotFacts } from '@gradmesh/consensus'
import type { Prng } from '@gradmesh/core'
import type { Certificate, Vote } from '@gradmesh/wire'
import type { SimBlock } from './types.ts'

type Entry =
  | { readonly type: 'vote'; readonly vote: Vote; readonly facts: SlotFacts }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  | { readonly type: 'block'; readonly block: SimBlock }
  | { readonly type: 'final'; readonly blocks: readonly SimBlock[]; readonly certificate: Certificate }

type Of<T extends Entry['type']> = Extract<Entry, { readonly type: T }>

export class Disk {
  #log: Entry[] = []
  #synced = 0
  /** Outlives the records: a file of its own repeats it. */
  #highWaterSlot = 0

  write(entry: Entry): void {
    this.#log.push(entry)
  }

  sync(): void {
    for (; this.#synced < this.#log.length; this.#synced++) {
      const entry = this.#log[this.#synced]!
      if (entry.type === 'vote') this.#highWaterSlot = Math.max(this.#highWaterSlot, entry.vote.slot)
    }
  }

  crash(prng: Prng, losesCertificates: boolean): void {
    const kept = this.#synced + prng.below(this.#log.length - this.#synced + 1)
    this.#log = this.#log
      .slice(0, kept)
      .filter(({ type }) => type !== 'certificate' || !losesCertificates || prng.oneIn(4))
    this.#synced = 0
    this.sync()
  }

  /** The records of some slots become unreadable, the votes with them. */
  rot(prng: Prng): void {
    const slots = new Set(this.all('vote').map(({ vote }) => vote.slot))
    const lost = new Set([...slots].filter(() => prng.oneIn(2)))
    this.#log = this.#log.filter(entry => entry.type !== 'vote' || !lost.has(entry.vote.slot))
    this.#synced = this.#log.length
  }

  all<T extends Entry['type']>(type: T): Of<T>[] {
    return this.#log.filter((entry): entry is Of<T> => entry.type === type)
  }

  finals(): Of<'final'>[] {
    return this.all('final')
  }

  votesAbove(slot: number): Vote[] {
    return this.all('vote').flatMap(({ vote }) => (vote.slot > slot ? vote : []))
  }

  restored(): Restored {
    const last = this.finals().at(-1)
    const floor = last?.certificate.slot ?? 0
    const votes = this.all('vote')
    const block = last?.blocks.at(-1)
    return {
      facts: [...new Map(votes.map(({ facts }) => [facts.slot, facts])).values()],
      finalBlock: block ?? null,
      // Of a boundary the next epoch knows no certificate of its own.
      finalCertificate: last === undefined || block!.boundary ? null : last.certificate,
      highWaterSlot: this.#highWaterSlot,
      blocks: this.all('block').flatMap(({ block }) => (block.slot > floor ? block : [])),
      certificates: this.all('certificate').flatMap(({ certificate }) =>
        certificate.slot > floor ? certificate : []
      )
    }
  }
}
