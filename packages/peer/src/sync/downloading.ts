/**
 * The leaves of one checkpoint out of several peers at once. Each source is asked for a few runs of leaves at a time,
 * longer ones the faster it answers, so that the line is never idle and a slow line never waits for a megabyte. Every
 * leaf is checked by digest before it is kept, and written down at once: a restart looks through what is there and goes
 * on where this ended. A source that stalls or leaves gives its run back to the others; one that lies is asked no more. Once nothing is left to ask
 * for, the idle ones ask again for what is oldest under way, so that the slowest source does not decide.
 */
import { News, orAfter, pause } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import { BOUNDS, type CheckpointManifest, encodeGetRequest } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { peerFault } from '../faults.ts'
import { PROTOCOLS } from '../topics.ts'

/** Runs under way: with one source, and with all of them. Of 1 MiB at most, so this bounds what is held in memory. */
const LANES_PER_SOURCE = 4
const LANES = 6
const FIRST_RUN = 8
/** A run that comes faster doubles the next, one that comes slower halves it. */
const QUICK_MS = 400
const SLOW_MS = 2000
const TIMEOUT_MS = 10_000
/** Failures in a row after which a source is left alone. */
const FAILURES_MAX = 3
const PAUSE_MS = 250
/** After so long the idle ones ask for the same run. */
const HEDGE_MS = 1000
/** After so many bytes the disk is told to keep them, while more come: so the end does not wait for all of them. */
const SYNC_BYTES = 8 * 1024 * 1024
/** Of what an earlier download has left: read at once. */
const RESUMED_AT_ONCE = 64

interface Run {
  readonly first: number
  readonly count: number
}

interface Source {
  readonly key: PeerKey
  leavesAtOnce: number
  underWay: number
  failures: number
  failedMs: number
  /** Why it is asked no more. */
  dropped: 'lied' | 'lacks' | 'silent' | null
}

interface Asked {
  readonly sinceMs: number
  by: readonly Source[]
}

type Need = Pick<Context, 'net' | 'chain' | 'state' | 'clock' | 'faults' | 'log' | 'genesis'>

export class Download {
  readonly #context: Need
  readonly #manifest: CheckpointManifest
  readonly #sources: readonly Source[]
  readonly #onProgress: (leaves: number, total: number) => void
  /** One bit a leaf. */
  readonly #held: Uint8Array
  #heldCount = 0
  #bytes = 0
  /** Not asked for yet, in order; runs that were given back come first. */
  #wanted: Run[] = []
  /** Under way, the oldest first, with who is asked and since when. */
  readonly #asked = new Map<Run, Asked>()
  #unsynced = 0
  #syncing: Promise<void> | null = null
  readonly #news = new News()
  readonly #end = new AbortController()
  /** Memory for runs, shared with the state thread: what one run has left, the next is put into. */
  readonly #free: Uint8Array[] = []

  constructor(
    context: Need,
    manifest: CheckpointManifest,
    sources: readonly PeerKey[],
    onProgress: (leaves: number, total: number) => void
  ) {
    this.#context = context
    this.#manifest = manifest
    this.#sources = sources.map(key => ({
      key,
      leavesAtOnce: FIRST_RUN,
      underWay: 0,
      failures: 0,
      failedMs: -1,
      dropped: null
    }))
    this.#onProgress = onProgress
    this.#held = new Uint8Array(manifest.leaves.length)
  }

  /**
   * Bytes that were fetched, once every leaf is held by the state thread, which must expect this checkpoint, and
   * written; undefined when the sources do not give them all.
   */
  async run(): Promise<number | undefined> {
    await this.#resume()
    this.#wanted = runsOf(this.#held)
    const lanes = Math.max(1, Math.min(LANES_PER_SOURCE, Math.floor(LANES / this.#sources.length)))
    await Promise.all(
      this.#sources.flatMap(source => Array.from({ length: lanes }, () => this.#lane(source)))
    )
    await this.#syncing
    return this.#isWhole ? this.#bytes : undefined
  }

  get #isWhole(): boolean {
    return this.#heldCount === this.#held.length
  }

  get #leafBytes(): number {
    return 4 * this.#context.genesis.delta.chunk
  }

  /** What an earlier download has left on the disk, as far as it is right. */
  async #resume(): Promise<void> {
    const { chain, state } = this.#context
    const size = this.#leafBytes
    const total = this.#held.length
    for (let first = 0; first < total; first += RESUMED_AT_ONCE) {
      const count = Math.min(RESUMED_AT_ONCE, total - first)
      const run = await chain.heldLeaves(this.#manifest.height, first * size, count * size)
      if (run === undefined) return
      for (const [i, bytes] of cut(run, size).entries()) {
        if ((await state.take({ first: first + i, bytes })) === 1) this.#hold(first + i, 1)
      }
    }
  }

  /** Asks one source for one run after the other. */
  async #lane(source: Source): Promise<void> {
    while (!this.#isWhole && source.dropped === null) {
      const { next } = this.#news
      const run = this.#next(source)
      if (run === undefined) {
        await orAfter(this.#context.clock, next, HEDGE_MS)
        continue
      }
      source.underWay++
      const room = this.#free.pop() ?? this.#newRoom()
      const failed = await this.#fetch(source, run, room)
      this.#free.push(room)
      source.underWay--
      if (failed) await pause(this.#context.clock, PAUSE_MS)
    }
    this.#news.tell()
  }

  #next(source: Source): Run | undefined {
    if (source.underWay >= lanesAt(source.leavesAtOnce)) return undefined
    const now = this.#context.clock.nowMs()
    const run = this.#wanted[0]
    if (run !== undefined) {
      const count = Math.min(run.count, source.leavesAtOnce)
      const rest = { first: run.first + count, count: run.count - count }
      this.#wanted.splice(0, 1, ...(rest.count > 0 ? [rest] : []))
      const taken = { first: run.first, count }
      this.#asked.set(taken, { sinceMs: now, by: [source] })
      return taken
    }
    for (const [run, asked] of this.#asked) {
      if (asked.by.includes(source) || now < asked.sinceMs + HEDGE_MS) continue
      asked.by = [...asked.by, source]
      return run
    }
    return undefined
  }

  #newRoom(): Uint8Array {
    return new Uint8Array(new SharedArrayBuffer(BOUNDS.leavesAtOnceMax * this.#leafBytes))
  }

  /** True when the source is to be given a moment. */
  async #fetch(source: Source, run: Run, into: Uint8Array): Promise<boolean> {
    const { net, clock, state, faults, log } = this.#context
    const { height } = this.#manifest
    const startMs = clock.nowMs()
    const reply = await net
      .request(
        source.key,
        PROTOCOLS.get.name,
        encodeGetRequest({ what: 'leaves', height, index: run.first, count: run.count }),
        {
          timeoutMs: TIMEOUT_MS,
          maxReplyBytes: run.count * this.#leafBytes,
          signal: this.#end.signal,
          into,
          inARow: true
        }
      )
      .catch(error => {
        log.debug({ error, source: source.key }, 'leaves did not come')
        return undefined
      })
    // Somebody else was faster.
    if (!this.#asked.has(run)) return false
    if (reply === undefined) {
      source.leavesAtOnce = Math.max(1, source.leavesAtOnce >> 1)
      // What failed together counts once.
      if (startMs > source.failedMs) source.failures++
      source.failedMs = clock.nowMs()
      if (source.failures >= FAILURES_MAX || !this.#isConnected(source)) source.dropped = 'silent'
      this.#giveBack(run, source)
      return true
    }
    source.failures = 0
    const right = await state.take({ first: run.first, bytes: reply })
    if (!this.#asked.has(run)) return false
    if (right < run.count) {
      const isLie = reply.length > 0
      // Several runs of one source may be under way.
      if (isLie && source.dropped !== 'lied') {
        faults.count(peerFault('SYNC_LEAF'))
        log.warn({ source: source.key, height, leaf: run.first + right }, 'a peer sent a wrong leaf')
      }
      source.dropped = isLie ? 'lied' : 'lacks'
      this.#giveBack(run, source)
      return false
    }
    this.#asked.delete(run)
    this.#hold(run.first, run.count)
    this.#bytes += reply.length
    const tookMs = clock.nowMs() - startMs
    if (tookMs < QUICK_MS) source.leavesAtOnce = Math.min(BOUNDS.leavesAtOnceMax, 2 * source.leavesAtOnce)
    else if (tookMs > SLOW_MS) source.leavesAtOnce = Math.max(1, source.leavesAtOnce >> 1)
    this.#onProgress(this.#heldCount, this.#held.length)
    if (this.#isWhole) this.#end.abort()
    this.#news.tell()
    await this.#write(run.first, reply)
    return false
  }

  /** To whoever else was asked for it too, or to the next who asks. */
  #giveBack(run: Run, source: Source): void {
    const asked = this.#asked.get(run)!
    asked.by = asked.by.filter(other => other !== source)
    if (asked.by.length === 0) {
      this.#asked.delete(run)
      this.#wanted.unshift(run)
    }
    this.#news.tell()
  }

  #hold(first: number, count: number): void {
    this.#held.fill(1, first, first + count)
    this.#heldCount += count
  }

  #isConnected({ key }: Source): boolean {
    return this.#context.net.peers().some(peer => peer.key === key)
  }

  async #write(first: number, bytes: Uint8Array): Promise<void> {
    const { chain } = this.#context
    const { height } = this.#manifest
    await chain.putLeaves(height, first * this.#leafBytes, bytes)
    this.#unsynced += bytes.length
    if (this.#unsynced < SYNC_BYTES || this.#syncing !== null) return
    this.#unsynced = 0
    this.#syncing = chain.syncLeaves(height).finally(() => {
      this.#syncing = null
    })
    // Whoever adopts the checkpoint is told.
    this.#syncing.catch(() => {})
  }
}

/** A source that has shown that it is fast is asked for several runs at once. */
const lanesAt = (leavesAtOnce: number): number =>
  leavesAtOnce >= 32 ? LANES_PER_SOURCE : leavesAtOnce >= 8 ? 2 : 1

const cut = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size))

/** The stretches that are not held. */
const runsOf = (held: Uint8Array): Run[] => {
  const runs: Run[] = []
  for (let first = held.indexOf(0); first >= 0; ) {
    const end = held.indexOf(1, first)
    runs.push({ first, count: (end < 0 ? held.length : end) - first })
    first = end < 0 ? -1 : held.indexOf(0, end)
  }
  return runs
}
