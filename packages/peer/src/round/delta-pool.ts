/**
 * Deltas of the open round, and a few that came early. What is in `byDigest` has passed every check:
 * signature, header against the final state, payload. One delta a trainer and round counts; a second,
 * different one is evidence against its author.
 */
import { equalBytes, type Fault, isFault, toHex } from '@gradmesh/core'
import { checkDeltaHeader } from '@gradmesh/ledger'
import type { PeerKey } from '@gradmesh/net'
import {
  BOUNDS,
  decodeSignedDelta,
  decodeSignedDeltaHeader,
  deltaDigest,
  encodeSignedDelta,
  encodeSignedDeltaHeader,
  type SignedDelta,
  type SignedDeltaHeader,
  verifyDeltaHeader
} from '@gradmesh/wire'
import { aheadBytesMax } from '../caps/index.ts'
import { type Context, digestOf, publishAnyhow } from '../context.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Extent, Held } from '../holding.ts'
import type { FinalPoint } from '../state/ledger.ts'
import { EarlyDeltas } from './early-deltas.ts'
import type { Evidences } from './evidences.ts'
import { pullDelta } from './pulling.ts'

/** Rounds ahead of ours whose deltas are kept for later; a peer is rarely further behind without syncing. */
const EARLY_ROUNDS = 2
const AHEAD_BYTES_MAX = 64 * 1024 * 1024
/** Announcements of one neighbour that wait; a block names no more deltas. What finds no place is gathered later. */
const LINE_MAX = BOUNDS.deltasPerBlockMax

export interface PooledDelta {
  readonly digest: string
  readonly trainer: string
  readonly round: number
  readonly signed: SignedDelta
  readonly bytes: Uint8Array
}

export class DeltaPool {
  readonly #context: Context
  readonly #evidences: Evidences
  readonly #byDigest = new Map<string, PooledDelta>()
  /** The first delta of each trainer in the open round, by the trainer's key. */
  readonly #byTrainer = new Map<string, PooledDelta>()
  /** Trainers that gave two deltas in the open round: gossip of a third is not looked at. */
  readonly #contradicted = new Set<string>()
  readonly #early = new EarlyDeltas()
  /** Pulled ahead of their round while syncing; looked at when their block is committed. */
  readonly #ahead = new Map<string, Uint8Array>()
  readonly #aheadBytesMax: number
  #aheadBytes = 0
  readonly #fetching = new Map<string, Promise<PooledDelta | undefined>>()
  /** The digest that is being pulled for each trainer of which a header came. */
  readonly #pulling = new Map<string, string>()
  /** What each neighbour announced and we have not pulled yet, the first under way. */
  readonly #lines = new Map<PeerKey, Map<string, SignedDeltaHeader>>()
  /** Digests of the open round that were held and announced. */
  readonly #passedOn = new Set<string>()
  #final: FinalPoint
  /** Called with every delta that newly counts for the open round. */
  onDelta: (delta: PooledDelta) => void = () => {}

  constructor(context: Context, evidences: Evidences, final: FinalPoint) {
    this.#context = context
    this.#aheadBytesMax = aheadBytesMax(context.options.caps?.memoryBytes ?? null, AHEAD_BYTES_MAX)
    this.#evidences = evidences
    this.#final = final
  }

  get(digest: string): PooledDelta | undefined {
    return this.#byDigest.get(digest)
  }

  /** The round that `ofTrainer` speaks of. */
  get round(): number {
    return this.#final.accounts.round
  }

  ofTrainer(key: string): PooledDelta | undefined {
    return this.#byTrainer.get(key)
  }

  held({ trainers, liveBlocks, connections }: Extent): readonly Held[] {
    const named = BOUNDS.deltasPerBlockMax * liveBlocks
    const waiting = [...this.#lines.values()].reduce((sum, line) => sum + line.size, 0)
    return [
      // Two of a trainer are a proof against it.
      { what: 'deltas', entries: this.#byDigest.size, max: 2 * trainers + named },
      { what: 'early deltas', entries: this.#early.size, max: EarlyDeltas.max },
      { what: 'bytes of deltas ahead', entries: this.#aheadBytes, max: this.#aheadBytesMax },
      // One of each trainer whose headers came, and what blocks name; those of a block that has gone end by themselves.
      { what: 'deltas on their way', entries: this.#fetching.size, max: 2 * trainers + named },
      { what: 'deltas of trainers on their way', entries: this.#pulling.size, max: trainers },
      { what: 'announcements', entries: waiting, max: (connections + 1) * LINE_MAX },
      { what: 'announcements passed on', entries: this.#passedOn.size, max: 2 * trainers + named }
    ]
  }

  headersOf(round: number): SignedDeltaHeader[] {
    return [...this.#byDigest.values()].filter(d => d.round === round).map(d => d.signed)
  }

  /** Bytes pulled in advance; `fetch` checks them like any others when their block's turn comes. */
  keepForSync(digest: string, bytes: Uint8Array): void {
    if (this.#ahead.has(digest) || this.#aheadBytes + bytes.length > this.#aheadBytesMax) return
    this.#ahead.set(digest, bytes)
    this.#aheadBytes += bytes.length
  }

  #takeAhead(digest: string): Uint8Array | undefined {
    const bytes = this.#ahead.get(digest)
    if (bytes === undefined) return undefined
    this.#ahead.delete(digest)
    this.#aheadBytes -= bytes.length
    return bytes
  }

  /** Gives back what was pulled in advance: it is pulled again when its turn comes. */
  shed(): void {
    this.#ahead.clear()
    this.#aheadBytes = 0
  }

  /** The newest final state: past rounds are forgotten (and answered), early ones looked at again. */
  async advance(final: FinalPoint): Promise<PooledDelta[]> {
    const before = this.#final.accounts.round
    this.#final = final
    const { round } = final.accounts
    if (round === before) {
      this.#forgetThirds(round)
      return []
    }
    this.#byTrainer.clear()
    this.#contradicted.clear()
    this.#passedOn.clear()
    const past = [...this.#byDigest.values()].filter(delta => delta.round < round)
    for (const { digest } of past) this.#byDigest.delete(digest)
    for (const delta of [...this.#byDigest.values()]) {
      if (delta.round !== round) continue
      if (equalBytes(delta.signed.header.base, final.root)) this.#add(delta)
      else this.#byDigest.delete(delta.digest)
    }
    for (const bytes of this.#early.take(round)) await this.offer(bytes)
    return past
  }

  /** What contradicts a trainer is in the proof against it; blocks that named more of its deltas may be past. */
  #forgetThirds(round: number): void {
    for (const { digest, trainer, round: of } of [...this.#byDigest.values()]) {
      const isFirst = this.#byTrainer.get(trainer)?.digest === digest
      if (of === round && !isFirst && this.#contradicted.has(trainer)) this.#byDigest.delete(digest)
    }
  }

  /**
   * A delta in its wire form. From gossip one that is held already, or is the third of its trainer, is
   * not taken and so not passed on; what was asked for, or is this peer's own, is.
   */
  async offer(
    bytes: Uint8Array,
    from: 'gossip' | 'asked' = 'asked'
  ): Promise<PooledDelta | Fault<FaultCode>> {
    const signed = decodeSignedDelta(bytes)
    if (isFault(signed)) return signed
    const digest = toHex(deltaDigest(signed.header))
    const known = this.#byDigest.get(digest)
    if (known !== undefined && from === 'asked') return known
    if (known !== undefined) return this.#again(known, signed)
    const timing = this.#timingOf(signed.header.round)
    if (timing === 'DELTA_EARLY') this.#keepEarly(signed, bytes)
    if (timing !== null) return peerFault(timing)
    const trainer = toHex(signed.header.trainer)
    if (from === 'gossip' && this.#contradicted.has(trainer)) return peerFault('DELTA_TWICE')
    const on = this.#final.id
    const admitted = await this.#context.state.admit({ delta: bytes, on })
    // A block became final meanwhile: what was open then is judged anew.
    if (isFault(admitted) && admitted.fault === 'STATE_PARENT' && on !== this.#final.id)
      return this.offer(bytes, from)
    if (isFault(admitted)) return admitted
    if (signed.header.round !== this.#final.accounts.round) return peerFault('DELTA_STALE')
    return this.#add({
      digest,
      trainer,
      round: signed.header.round,
      signed,
      bytes
    })
  }

  /** The digest does not cover signature and payload: with others than those held it is a forgery. */
  #again(known: PooledDelta, signed: SignedDelta): Fault<FaultCode> {
    if (equalBytes(known.bytes, encodeSignedDelta(signed))) return peerFault('DELTA_KNOWN')
    if (!verifyDeltaHeader(signed, this.#context.chainId)) return peerFault('WIRE_SIGNATURE')
    return peerFault(equalBytes(known.signed.payload, signed.payload) ? 'DELTA_KNOWN' : 'DELTA_PAYLOAD_HASH')
  }

  /**
   * An announcement of a delta that is too large for gossip. It is judged at once and pulled beside; whoever holds it
   * then announces it, so that who announces can be asked, and what nobody holds goes no further than its author.
   */
  announced(bytes: Uint8Array, from: PeerKey): Fault<FaultCode> | 'pulling' {
    const signed = this.#judge(bytes)
    if (isFault(signed)) return signed
    const digest = toHex(deltaDigest(signed.header))
    if (this.#byDigest.has(digest)) return peerFault('DELTA_KNOWN')
    const line = this.#lines.get(from) ?? new Map<string, SignedDeltaHeader>()
    if (line.has(digest)) return peerFault('DELTA_KNOWN')
    if (line.size >= LINE_MAX) return peerFault('DELTA_UNAVAILABLE')
    line.set(digest, signed)
    if (line.size === 1) {
      this.#lines.set(from, line)
      void this.#pullLine(line, from).catch(error => this.#context.fail(error))
    }
    return 'pulling'
  }

  /** A neighbour that has gone is asked for nothing more: whoever holds what it announced announces it too. */
  forget(neighbour: PeerKey): void {
    this.#lines.get(neighbour)?.clear()
    this.#lines.delete(neighbour)
  }

  /** One after the other: a neighbour that is slow, or lies, holds up what it announced itself. */
  async #pullLine(line: Map<string, SignedDeltaHeader>, from: PeerKey): Promise<void> {
    for (const [digest, signed] of line) {
      const bytes = encodeSignedDeltaHeader(signed)
      const delta = await this.offerHeader(bytes, from)
      if (isFault(delta)) this.#context.faults.count(delta)
      else this.#passOn(delta, bytes)
      line.delete(digest)
    }
    if (this.#lines.get(from) === line) this.#lines.delete(from)
  }

  #passOn({ digest, round }: PooledDelta, announcement: Uint8Array): void {
    if (round !== this.round || this.#passedOn.has(digest)) return
    this.#passedOn.add(digest)
    publishAnyhow(this.#context, this.#context.topics.announcements.name, announcement)
  }

  /** The delta of a header that a peer says it holds. */
  async offerHeader(bytes: Uint8Array, from: PeerKey): Promise<PooledDelta | Fault<FaultCode>> {
    const signed = this.#judge(bytes)
    if (isFault(signed)) return signed
    const digest = toHex(deltaDigest(signed.header))
    const trainer = toHex(signed.header.trainer)
    // One at a time: whoever announces many makes us ask all our peers for each.
    if ((this.#pulling.get(trainer) ?? digest) !== digest) return peerFault('DELTA_TWICE')
    this.#pulling.set(trainer, digest)
    const delta = await this.fetch(digest, [from]).finally(() => this.#pulling.delete(trainer))
    return delta ?? peerFault('DELTA_UNAVAILABLE')
  }

  /** What can be said of a header alone: whether its delta could count, or prove something, in the open round. */
  #judge(bytes: Uint8Array): SignedDeltaHeader | Fault<FaultCode> {
    const signed = decodeSignedDeltaHeader(bytes)
    if (isFault(signed)) return signed
    const timing = this.#timingOf(signed.header.round)
    if (timing !== null) return peerFault(timing)
    const wrong = checkDeltaHeader(this.#context.genesis, this.#final, signed)
    if (wrong !== null) return wrong
    if (!verifyDeltaHeader(signed, this.#context.chainId)) return peerFault('WIRE_SIGNATURE')
    const isHeld = this.#byDigest.has(toHex(deltaDigest(signed.header)))
    return !isHeld && this.#contradicted.has(toHex(signed.header.trainer)) ? peerFault('DELTA_TWICE') : signed
  }

  /**
   * The delta with this digest, from memory or from any of these peers, else from any peer at all.
   * @param on the block whose state it must fit: that of the open round, or one that is not final here yet.
   */
  async fetch(digest: string, hints: readonly PeerKey[], on?: string): Promise<PooledDelta | undefined> {
    const held = this.#byDigest.get(digest)
    if (held !== undefined) return held
    const running = this.#fetching.get(digest)
    if (running !== undefined) return running
    const pull = this.#pull(digest, hints, on).finally(() => this.#fetching.delete(digest))
    this.#fetching.set(digest, pull)
    return pull
  }

  async #pull(
    digest: string,
    hints: readonly PeerKey[],
    on: string | undefined
  ): Promise<PooledDelta | undefined> {
    const pulled =
      this.#takeAhead(digest) ??
      (await this.#context.chain.deltaBytes(digestOf(digest))) ??
      (await pullDelta(this.#context, digest, hints))
    // Sync may have pulled it meanwhile.
    const ahead = this.#takeAhead(digest)
    const bytes = pulled ?? ahead
    if (bytes === undefined) return undefined
    const offered = (on && (await this.#admitAhead(digest, bytes, on))) || (await this.offer(bytes))
    if (isFault(offered)) this.#context.faults.count(offered)
    // One that contradicts another of its trainer is held all the same: a block may name it.
    return this.#byDigest.get(digest)
  }

  /**
   * For a peer that is behind: a block named this delta in a round that has not begun here. It is checked
   * against the state that its block builds on, and held, but counts for no round of ours.
   */
  async #admitAhead(
    digest: string,
    bytes: Uint8Array,
    on: string
  ): Promise<PooledDelta | Fault<FaultCode> | undefined> {
    const signed = decodeSignedDelta(bytes)
    if (isFault(signed)) return signed
    const { round, trainer } = signed.header
    if (this.#timingOf(round) !== 'DELTA_EARLY') return undefined
    const admitted = await this.#context.state.admit({ delta: bytes, on })
    if (isFault(admitted)) return admitted
    const delta = { digest, trainer: toHex(trainer), round, signed, bytes }
    if (this.#timingOf(round) !== 'DELTA_STALE') this.#byDigest.set(digest, delta)
    return delta
  }

  #timingOf(round: number): 'DELTA_STALE' | 'DELTA_EARLY' | null {
    const open = this.#final.accounts.round
    return round < open ? 'DELTA_STALE' : round > open ? 'DELTA_EARLY' : null
  }

  #keepEarly(signed: SignedDelta, bytes: Uint8Array): void {
    const { accounts } = this.#final
    const { round } = signed.header
    const account = accounts.trainers[this.#final.trainerIndex(signed.header.trainer) ?? -1]
    if (round > accounts.round + EARLY_ROUNDS || account === undefined) return
    const seat = this.#context.epochs.running.seats.find(({ key }) => equalBytes(key, account.key))
    const standing = { stake: seat?.stake ?? 0n, accepted: account.accepted }
    const early = { trainer: toHex(account.key), round, bytes, standing }
    if (this.#early.hasPlaceFor(early) && verifyDeltaHeader(signed, this.#context.chainId))
      this.#early.keep(early)
  }

  #add(delta: PooledDelta): PooledDelta | Fault<FaultCode> {
    const first = this.#byTrainer.get(delta.trainer)
    this.#byDigest.set(delta.digest, delta)
    if (first !== undefined && first.digest !== delta.digest) {
      this.#evidences.add({ kind: 'deltas', first: headerOf(first.signed), second: headerOf(delta.signed) })
      this.#contradicted.add(delta.trainer)
      return peerFault('DELTA_TWICE')
    }
    this.#byTrainer.set(delta.trainer, delta)
    this.onDelta(delta)
    return delta
  }
}

const headerOf = ({ header, signature }: SignedDelta): SignedDeltaHeader => ({ header, signature })
