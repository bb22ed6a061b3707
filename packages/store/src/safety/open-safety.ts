/**
 * What this peer has promised, and so must never contradict: its votes, its own blocks, its deltas and
 * the newest final block that it saw. Everything is on the disk twice before a promise resolves, in the
 * high-water file and then in LevelDB (see `mirror.ts`), and nothing here is ever repaired: when the two
 * disagree the peer refuses to sign, because a missing record is a chance to vote twice.
 */
import { assert, concatBytes, equalBytes, Serial, toHex, u64 } from '@gradmesh/core'
import type { VoteKind } from '@gradmesh/wire'
import type { Database, Operation } from '../database.ts'
import { failureOf, storeError } from '../failures.ts'
import { beU32, numberAt, numbersOf } from '../keys.ts'
import { del, entriesSealed, getSealed, put } from '../sealed.ts'
import {
  BOUNDS,
  blockKey,
  decodeFacts,
  type Entry,
  encodeEntry,
  FINAL_HEAD,
  factsKey,
  operationsOf,
  SEQUENCE,
  type SlotFacts,
  sealKey,
  voteKey
} from './entry.ts'
import type { Mirror } from './mirror.ts'
import { below, conflict, contradiction, ID_BYTES, isSame, kindOf, mayFill, type Promised } from './rules.ts'
import type { FinalHead, OwnVote, SafetyStore } from './safety-store.ts'

export interface Counters {
  /** The highest slot with a vote, -1 before the first. */
  highWater: number
  sequence: number
}

export class OpenSafety implements SafetyStore {
  readonly key: Uint8Array
  readonly #database: Database
  readonly #mirror: Mirror
  readonly #state: Counters
  #bounds: { readonly slot: number; readonly round: number }
  /** One promise after another: each is checked against all before it. */
  readonly #turns = new Serial()
  #stopped: unknown

  constructor(
    database: Database,
    mirror: Mirror,
    key: Uint8Array,
    state: Counters,
    bounds: { readonly slot: number; readonly round: number }
  ) {
    this.#database = database
    this.#mirror = mirror
    this.key = key
    this.#state = state
    this.#bounds = bounds
  }

  recordVote(facts: SlotFacts, voteBytes: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      const { slot } = facts
      const recorded = await this.#facts(slot)
      const kind = kindOf(facts, voteBytes)
      const before = recorded ?? { slot, notar: null, skip: false, final: null }
      const refusal = contradiction(before, facts, kind)
      if (refusal !== null) throw conflict(`slot ${slot}: ${refusal}`, { slot })
      const held = await this.#get(voteKey(slot, kind), `the vote ${kind} of slot ${slot}`)
      if (held !== undefined) {
        if (!equalBytes(held, voteBytes))
          throw conflict(`slot ${slot}: other bytes for the same vote`, { slot })
        return
      }
      if (recorded === undefined && slot <= this.#state.highWater) {
        throw below(`no vote is on record in slot ${slot}, and one is in slot ${this.#state.highWater}`, {
          slot
        })
      }
      this.#assertAbove('slot', slot)
      await this.#promise({ type: 'vote', facts, kind, bytes: voteBytes })
      this.#state.highWater = Math.max(this.#state.highWater, slot)
    })
  }

  async votesFrom(slot: number): Promise<OwnVote[]> {
    const votes: OwnVote[] = []
    for await (const [key, bytes] of this.#entries('v', slot, 'a vote')) {
      votes.push({ slot: numberAt(key, 1), kind: key[5] as VoteKind, bytes })
    }
    return votes
  }

  async factsFrom(slot: number): Promise<SlotFacts[]> {
    const facts: SlotFacts[] = []
    for await (const [key, bytes] of this.#entries('s', slot, 'the facts')) {
      facts.push(decodeFacts(numberAt(key, 1), bytes))
    }
    return facts
  }

  highWaterSlot(): number {
    return this.#state.highWater
  }

  recordOwnBlock(slot: number, id: Uint8Array, bytes: Uint8Array): Promise<void> {
    assert(id.length === ID_BYTES && bytes.length > 0, 'an own block has an id and bytes')
    return this.#inTurn(async () => {
      const held = await this.#promised(blockKey(slot), `the own block of slot ${slot}`)
      if (isSame(held, id, bytes)) return
      if (!mayFill(held, id)) throw conflict(`another block of slot ${slot} is on record`, { slot })
      this.#assertAbove('slot', slot)
      await this.#promise({ type: 'block', slot, id }, bytes)
    })
  }

  async ownBlock(
    slot: number
  ): Promise<{ readonly id: Uint8Array; readonly bytes: Uint8Array | null } | undefined> {
    const held = await this.#promised(blockKey(slot), `the own block of slot ${slot}`)
    return held === undefined
      ? undefined
      : { id: held.id, bytes: held.bytes.length === 0 ? null : held.bytes }
  }

  recordFinal(height: number, id: Uint8Array): Promise<void> {
    assert(id.length === ID_BYTES, 'a final block has an id')
    return this.#inTurn(async () => {
      const newest = await this.final()
      if (newest !== undefined && height < newest.height) return
      if (newest !== undefined && height === newest.height) {
        if (equalBytes(newest.id, id)) return
        throw conflict(
          `two final blocks at height ${height}: ${toHex(newest.id)} was seen, now ${toHex(id)}`,
          { height }
        )
      }
      await this.#promise({ type: 'final', height, id })
    })
  }

  async final(): Promise<FinalHead | undefined> {
    const bytes = await this.#get(FINAL_HEAD, 'the newest final head')
    return bytes === undefined ? undefined : { height: numberAt(bytes, 0), id: bytes.slice(4) }
  }

  recordSeal(round: number, digest: Uint8Array, bytes: Uint8Array): Promise<void> {
    assert(digest.length === ID_BYTES && bytes.length > 0, 'a delta has a digest and bytes')
    return this.#inTurn(async () => {
      const held = await this.#promised(sealKey(round), `the own delta of round ${round}`)
      if (isSame(held, digest, bytes)) return
      if (!mayFill(held, digest)) throw conflict(`another delta of round ${round} is on record`, { round })
      this.#assertAbove('round', round)
      await this.#promise({ type: 'seal', round, digest }, bytes)
    })
  }

  async seal(
    round: number
  ): Promise<{ readonly digest: Uint8Array; readonly bytes: Uint8Array | null } | undefined> {
    const held = await this.#promised(sealKey(round), `the own delta of round ${round}`)
    return held === undefined
      ? undefined
      : { digest: held.id, bytes: held.bytes.length === 0 ? null : held.bytes }
  }

  prune(bounds: { readonly slot: number; readonly round: number }): Promise<void> {
    return this.#inTurn(async () => {
      const slot = Math.max(bounds.slot, this.#bounds.slot)
      const round = Math.max(bounds.round, this.#bounds.round)
      const operations: Operation[] = [put(BOUNDS, concatBytes(beU32(slot), beU32(round)))]
      for (const [letter, below] of [
        ['s', slot],
        ['v', slot],
        ['o', slot],
        ['d', round]
      ] as const) {
        if (below === 0) continue
        for await (const [key] of this.#database.entries(numbersOf(letter, 0, below - 1))) {
          operations.push(del(key))
        }
      }
      await this.#orStop(() => this.#database.batch(operations, { sync: true }))
      this.#bounds = { slot, round }
    })
  }

  async close(): Promise<void> {
    await this.#turns.idle()
    this.#stopped ??= 'closed'
    await this.#mirror.close()
    await this.#database.close()
  }

  /** Writes the promise twice, the high-water file first. After a failure nobody knows what the disk holds. */
  async #promise(entry: Entry, bytes?: Uint8Array): Promise<void> {
    const sequence = this.#state.sequence + 1
    const operations = operationsOf(entry, this.#state.highWater, bytes)
    await this.#orStop(async () => {
      await this.#mirror.append({ sequence, entry: encodeEntry(entry) })
      await this.#database.batch([...operations, put(SEQUENCE, u64(sequence))], { sync: true })
    })
    this.#state.sequence = sequence
  }

  async #orStop(write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      this.#stopped = error
      throw failureOf(error, 'safety')
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      if (this.#stopped !== undefined) throw stopped(this.#stopped)
      return run()
    })
  }

  #assertAbove(what: 'slot' | 'round', value: number): void {
    const bound = this.#bounds[what]
    if (value < bound)
      throw below(`everything below ${what} ${bound} was pruned, ${what} ${value} too`, { [what]: value })
  }

  async #facts(slot: number): Promise<SlotFacts | undefined> {
    const bytes = await this.#get(factsKey(slot), `the facts of slot ${slot}`)
    return bytes === undefined ? undefined : decodeFacts(slot, bytes)
  }

  async #promised(key: Uint8Array, what: string): Promise<Promised | undefined> {
    const value = await this.#get(key, what)
    return value === undefined ? undefined : { id: value.slice(0, ID_BYTES), bytes: value.slice(ID_BYTES) }
  }

  #get(key: Uint8Array, what: string): Promise<Uint8Array | undefined> {
    return getSealed(this.#database, key, what)
  }

  #entries(letter: string, from: number, what: string): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return entriesSealed(
      this.#database,
      numbersOf(letter, from),
      key => `${what} of slot ${numberAt(key, 1)}`
    )
  }
}

const stopped = (cause: unknown): Error =>
  storeError('STORE_SAFETY_STOPPED', 'safety is closed, or a write to it failed', {
    cause,
    remedy: 'Restart the peer once the disk is well; it reads back what was recorded and goes on.'
  })
