/**
 * What this peer has promised, and so must never contradict: its votes, its own blocks, its deltas and
 * the newest final block that it saw. Everything is on the disk twice before a promise resolves, in the
 * high-water file and then in LevelDB (see `mirror.ts`), and nothing here is ever repaired: when the two
 * disagree the peer refuses to sign, because a missing record is a chance to vote twice.
 */

import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { assert, concatBytes, equalBytes, fromHex, MeshError, toHex, u64 } from '@gradmesh/core'
import { decodeVote, VoteKind } from '@gradmesh/wire'
import { corrupt, failureOf, MOVE_KEY, storeError } from './failures.ts'
import { beU32, numberAt, numbersOf } from './keys.ts'
import { openLevelDb } from './leveldb.ts'
import {
  ENTRY_BYTES_MAX,
  type Mirror,
  mirrorDamage,
  type OpenedMirror,
  openMirror,
  replaceMirror,
  syncFolder
} from './mirror.ts'
import {
  BOUNDS,
  blockKey,
  decodeEntry,
  decodeFacts,
  type Entry,
  encodeEntry,
  encodeFacts,
  FINAL_HEAD,
  factsKey,
  HIGH_WATER,
  KEY,
  operationsOf,
  SEQUENCE,
  type SlotFacts,
  sealKey,
  voteKey
} from './safety-entry.ts'
import { type Scan, scanLevelDb } from './scan.ts'
import { del, entriesSealed, getSealed, put } from './sealed.ts'
import type { Database, Operation } from './types.ts'

const MIRROR = 'high-water'
const ID_BYTES = 32

export interface OwnVote {
  readonly slot: number
  readonly kind: VoteKind
  /** Exactly what was published: send these again, never sign anew. */
  readonly bytes: Uint8Array
}

export interface FinalHead {
  readonly height: number
  readonly id: Uint8Array
}

/**
 * Makes the safety folder of a new key. Code STORE_EXISTS when a key has already signed from it.
 * A run that was cut short is completed.
 */
export const initSafety = async (folder: string, key: Uint8Array): Promise<void> => {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if ((await readdir(folder)).includes(MIRROR)) throw exists(folder)
  } catch (error) {
    throw failureOf(error, folder)
  }
  const database = await openLevelDb(folder, { create: true })
  try {
    const entry: Entry = { type: 'init', key }
    const sequence = await sequenceOf(database)
    if (sequence !== undefined && sequence > 0) throw exists(folder)
    await database.batch([...operationsOf(entry, 0), put(SEQUENCE, u64(0))], { sync: true })
    await replaceMirror(join(folder, MIRROR), { sequence: 0, entry: encodeEntry(entry) })
    await syncFolder(dirname(folder))
  } catch (error) {
    throw failureOf(error, folder)
  } finally {
    await database.close()
  }
}

const exists = (folder: string): Error =>
  storeError('STORE_EXISTS', `${folder} already holds the votes of a key`, {
    remedy: 'Keep it: it is what stops this key from voting twice. Choose another folder for a new key.',
    data: { folder }
  })

/**
 * Codes: STORE_MISSING, STORE_LOCKED, STORE_CORRUPT (a file is damaged), STORE_SAFETY_MISMATCH (the
 * database and the high-water file disagree), and those of the disk. After any of them: do not sign.
 */
export const openSafety = async (folder: string): Promise<SafetyStore> => {
  await assertWhole(folder)
  const database = await openLevelDb(folder, { create: false })
  let opened: OpenedMirror | undefined
  try {
    opened = await openMirror(join(folder, MIRROR))
    return await openSafetyOn(database, opened, folder)
  } catch (error) {
    await opened?.mirror.close()
    await database.close()
    throw failureOf(error, folder)
  }
}

/** LevelDB drops damaged log records without a word as it opens, so its files are read first. */
const assertWhole = async (folder: string): Promise<void> => {
  const scan = await scanTwice(folder)
  const first = scan?.findings[0]
  if (first !== undefined) throw corrupt(`${first.file} in ${folder}`, first.what, null, MOVE_KEY)
  if (scan !== undefined) return
  const names: string[] = await readdir(folder).catch(() => [])
  if (names.includes(MIRROR)) {
    throw mirrorDamage(folder, 'the database is missing')
  }
  throw recordMissing(folder)
}

/** `STORE_MISSING` where a record was, which must not be begun anew. */
export const recordMissing = (folder: string): Error =>
  storeError('STORE_MISSING', `the record of what this key signed is missing: ${folder}`, {
    remedy: MOVE_KEY,
    data: { folder }
  })

/**
 * `undefined` where there is no database. A peer that still runs may be changing the files: what it does
 * is whole at the second look.
 */
const scanTwice = async (folder: string): Promise<Scan | undefined> => {
  try {
    const first = await scanLevelDb(folder)
    if (first.findings.length === 0) return first
    await new Promise(resolve => setTimeout(resolve, 100))
    return await scanLevelDb(folder)
  } catch (error) {
    if (error instanceof MeshError && error.code === 'STORE_MISSING') return undefined
    throw error
  }
}

const sequenceOf = async (database: Database): Promise<number | undefined> => {
  const bytes = await getSealed(database, SEQUENCE, 'the sequence number of safety')
  return bytes === undefined
    ? undefined
    : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
}

/** `openSafety` on any database and mirror: for simulations. `name` is for messages. */
export const openSafetyOn = async (
  database: Database,
  { mirror, newest }: OpenedMirror,
  name: string
): Promise<SafetyStore> => {
  const key = await getSealed(database, KEY, 'the key of safety')
  const sequence = await sequenceOf(database)
  if (key === undefined || sequence === undefined) throw mirrorDamage(name, 'the database is empty')
  if (newest.sequence > sequence + 1 || newest.sequence < sequence) {
    throw mirrorDamage(
      name,
      `the high-water file ends at record ${newest.sequence}, the database at ${sequence}`
    )
  }
  const highWater = await getSealed(database, HIGH_WATER, 'the high-water slot')
  const state = { highWater: highWater === undefined ? -1 : numberAt(highWater, 0), sequence }
  if (newest.sequence === sequence + 1) await bringForward(database, newest.entry, state, name)
  const bounds = await getSealed(database, BOUNDS, 'the pruning bounds of safety')
  return new OpenSafety(database, mirror, key, state, {
    slot: bounds === undefined ? 0 : numberAt(bounds, 0),
    round: bounds === undefined ? 0 : numberAt(bounds, 4)
  })
}

interface Counters {
  /** The highest slot with a vote, -1 before the first. */
  highWater: number
  sequence: number
}

/** A crash fell between the two writes: record in the database what the high-water file already says. */
const bringForward = async (
  database: Database,
  bytes: Uint8Array,
  state: Counters,
  name: string
): Promise<void> => {
  const entry = decodeEntry(bytes)
  if (entry === undefined) throw mirrorDamage(name, 'the newest record is of a kind unknown to this version')
  state.sequence++
  const operations = operationsOf(entry, state.highWater)
  await database.batch([...operations, put(SEQUENCE, u64(state.sequence))], { sync: true })
  if (entry.type === 'vote') state.highWater = Math.max(state.highWater, entry.facts.slot)
}

export interface SafetyStore {
  /** The public key that signs from here. */
  readonly key: Uint8Array
  /**
   * Durable when it resolves; publish after that. `facts` are those of the slot with this vote,
   * `voteBytes` the signed vote. The same vote again changes nothing and resolves.
   * Codes: STORE_SAFETY_CONFLICT, STORE_SAFETY_BELOW, STORE_SAFETY_STOPPED.
   */
  recordVote(facts: SlotFacts, voteBytes: Uint8Array): Promise<void>
  /** Own votes of `slot` and above, by slot. */
  votesFrom(slot: number): Promise<OwnVote[]>
  factsFrom(slot: number): Promise<SlotFacts[]>
  /** The highest slot with a vote, -1 before the first. */
  highWaterSlot(): number
  /** One block a slot for ever. Codes as `recordVote`. */
  recordOwnBlock(slot: number, id: Uint8Array, bytes: Uint8Array): Promise<void>
  /** `bytes` are null when a crash left the id alone: that slot has a block, and nobody will ever see it. */
  ownBlock(slot: number): Promise<{ readonly id: Uint8Array; readonly bytes: Uint8Array | null } | undefined>
  /** The newest final block; call it after the chain has it. Lower heights change nothing. */
  recordFinal(height: number, id: Uint8Array): Promise<void>
  final(): Promise<FinalHead | undefined>
  /** One delta a round: resend these bytes after a restart. Codes as `recordVote`. */
  recordSeal(round: number, digest: Uint8Array, bytes: Uint8Array): Promise<void>
  /** `bytes` is null when a crash left the digest alone: no other delta of that round can be recorded. */
  seal(round: number): Promise<{ readonly digest: Uint8Array; readonly bytes: Uint8Array | null } | undefined>
  /** Forgets everything below; from then on nothing below can be recorded. Bounds only rise. */
  prune(bounds: { readonly slot: number; readonly round: number }): Promise<void>
  close(): Promise<void>
}

class OpenSafety implements SafetyStore {
  readonly key: Uint8Array
  readonly #database: Database
  readonly #mirror: Mirror
  readonly #state: Counters
  #bounds: { readonly slot: number; readonly round: number }
  /** One promise after another: each is checked against all before it. */
  #queue: Promise<unknown> = Promise.resolve()
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
      const held = await this.#bound(blockKey(slot), `the own block of slot ${slot}`)
      if (isSame(held, id, bytes)) return
      if (!mayFill(held, id)) throw conflict(`another block of slot ${slot} is on record`, { slot })
      this.#assertAbove('slot', slot)
      await this.#promise({ type: 'block', slot, id }, bytes)
    })
  }

  async ownBlock(
    slot: number
  ): Promise<{ readonly id: Uint8Array; readonly bytes: Uint8Array | null } | undefined> {
    const held = await this.#bound(blockKey(slot), `the own block of slot ${slot}`)
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
      const held = await this.#bound(sealKey(round), `the own delta of round ${round}`)
      if (isSame(held, digest, bytes)) return
      if (!mayFill(held, digest)) throw conflict(`another delta of round ${round} is on record`, { round })
      this.#assertAbove('round', round)
      await this.#promise({ type: 'seal', round, digest }, bytes)
    })
  }

  async seal(
    round: number
  ): Promise<{ readonly digest: Uint8Array; readonly bytes: Uint8Array | null } | undefined> {
    const held = await this.#bound(sealKey(round), `the own delta of round ${round}`)
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
    await this.#queue
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
    const turn = this.#queue.then(() => {
      if (this.#stopped !== undefined) throw stopped(this.#stopped)
      return run()
    })
    this.#queue = turn.catch(() => undefined)
    return turn
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

  async #bound(key: Uint8Array, what: string): Promise<Bound | undefined> {
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

/** An id and what it stands for; the bytes are empty when a crash left the id alone. */
interface Bound {
  readonly id: Uint8Array
  readonly bytes: Uint8Array
}

const isSame = (held: Bound | undefined, id: Uint8Array, bytes: Uint8Array): boolean =>
  held !== undefined && equalBytes(held.id, id) && equalBytes(held.bytes, bytes)

/** Nothing is held, or the id alone and it is this one. */
const mayFill = (held: Bound | undefined, id: Uint8Array): boolean =>
  held === undefined || (held.bytes.length === 0 && equalBytes(held.id, id))

/** Which of the slot's facts this vote is; the bytes must say so themselves. */
const kindOf = (facts: SlotFacts, voteBytes: Uint8Array): VoteKind => {
  const vote = decodeVote(voteBytes)
  if ('fault' in vote) throw conflict(`slot ${facts.slot}: not a vote (${vote.fault})`, { slot: facts.slot })
  const { slot, kind, blockId } = vote
  const said = kind === VoteKind.NOTAR ? facts.notar : kind === VoteKind.FINAL ? facts.final : null
  if (slot !== facts.slot || (kind === VoteKind.SKIP ? !facts.skip : said !== toHex(blockId))) {
    throw conflict(`slot ${facts.slot}: the vote says something else than the facts`, { slot: facts.slot })
  }
  assert(voteBytes.length + encodeFacts(facts).length + 6 <= ENTRY_BYTES_MAX, 'a vote fits into a record')
  return kind
}

/** Why `after` may not follow `before` by this one vote, or null. The rules of protocol section 1. */
const contradiction = (before: SlotFacts, after: SlotFacts, kind: VoteKind): string | null => {
  if (after.notar !== null && fromHex(after.notar)?.length !== ID_BYTES) return 'notar is no block id'
  if (after.skip && after.final !== null) return 'skip and final exclude each other'
  if (after.final !== null && after.final !== after.notar) return 'final is for another block than notar'
  const changes = (['notar', 'skip', 'final'] as const).filter(fact => before[fact] !== after[fact])
  const forgotten = changes.find(fact => before[fact] !== null && before[fact] !== false)
  if (forgotten !== undefined) return `${forgotten} is on record as ${before[forgotten]}`
  const added = { [VoteKind.NOTAR]: 'notar', [VoteKind.SKIP]: 'skip', [VoteKind.FINAL]: 'final' }[kind]
  if (changes.some(fact => fact !== added)) return 'more facts than this one vote'
  return null
}

type Where = Readonly<Record<string, number>>

const conflict = (detail: string, data: Where): Error =>
  storeError('STORE_SAFETY_CONFLICT', `this would contradict what was signed: ${detail}`, {
    remedy: 'Nothing was signed. Two processes with one key, or a defect: stop the peer and report it.',
    data
  })

const below = (detail: string, data: Where): Error =>
  storeError('STORE_SAFETY_BELOW', `too old to sign: ${detail}`, {
    remedy: 'Nothing to do: the peer abstains there and signs again above.',
    data
  })

const stopped = (cause: unknown): Error =>
  storeError('STORE_SAFETY_STOPPED', 'safety is closed, or a write to it failed', {
    cause,
    remedy: 'Restart the peer once the disk is well; it reads back what was recorded and goes on.'
  })
