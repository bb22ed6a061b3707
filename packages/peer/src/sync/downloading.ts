/**
 * The leaves of one checkpoint out of several peers at once. Each source is asked for a few runs of leaves at a time,
 * longer ones the faster it answers, so that the line is never idle and a slow line never waits for a megabyte. Every
 * leaf is checked by digest before it is kept, and written down at once: a restart goes on where this ended. A source
 * that stalls or leaves gives its run back to the others; one that lies is asked no more. Once nothing is left to ask
 * for, the idle ones ask again for what is oldest under way, so that the slowest source does not decide.
 */
import { pause } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import { BOUNDS, type CheckpointManifest, encodeGetRequest } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { peerFault } from '../faults.ts'
import { PROTOCOLS } from '../topics.ts'

/** Runs under way: with one source, and with all of them. Of 1 MiB at most, so this bounds what is held in memory. */
const LANES_PER_SOURCE = 4
const LANES = 6
const FIRST_RUN = 4
/** A run that comes faster doubles the next, one that comes slower halves it. */
const QUICK_MS = 400
const SLOW_MS = 2000
const TIMEOUT_MS = 10_000
/** Failures in a row after which a source is left alone. */
const FAILURES_MAX = 3
const PAUSE_MS = 250
/** After so long the idle ones ask for the same run. */
const HEDGE_MS = 1000
/** What has come and is not yet on the disk. */
const UNWRITTEN_MAX = 8 * 1024 * 1024

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
  #unwritten: { readonly first: number; readonly bytes: Uint8Array }[] = []
  #unwrittenBytes = 0
  #writing: Promise<void> | null = null
  #wake: () => void = () => {}
  #changed: Promise<void>
  readonly #end = new AbortController()

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
    this.#changed = this.#nextChange()
  }

  /**
   * Bytes that were fetched, once every leaf is held by the state thread, which must expect this checkpoint, and on
   * the disk; undefined when the sources do not give them all.
   */
  async run(): Promise<number | undefined> {
    await this.#resume()
    this.#wanted = runsOf(this.#held)
    const lanes = Math.max(1, Math.min(LANES_PER_SOURCE, Math.floor(LANES / this.#sources.length)))
    await Promise.all(
      this.#sources.flatMap(source => Array.from({ length: lanes }, () => this.#lane(source)))
    )
    while (this.#writing !== null) await this.#writing
    return this.#isWhole ? this.#bytes : undefined
  }

  get #isWhole(): boolean {
    return this.#heldCount === this.#held.length
  }

  get #leafBytes(): number {
    return 4 * this.#context.genesis.delta.chunk
  }

  /** What an earlier download has left on the disk. */
  async #resume(): Promise<void> {
    for await (const [first, leaf] of this.#context.chain.heldLeaves(this.#manifest.height)) {
      const { right } = await this.#context.state.take({ first, bytes: leaf.slice() })
      if (right === 1) this.#hold(first, 1)
    }
  }

  /** Asks one source for one run after the other. */
  async #lane(source: Source): Promise<void> {
    while (!this.#isWhole && source.dropped === null) {
      const run = this.#next(source)
      if (run === undefined) {
        await Promise.race([this.#changed, pause(this.#context.clock, HEDGE_MS)])
        continue
      }
      source.underWay++
      const failed = await this.#fetch(source, run)
      source.underWay--
      if (failed) await pause(this.#context.clock, PAUSE_MS)
    }
    this.#change()
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

  /** True when the source is to be given a moment. */
  async #fetch(source: Source, run: Run): Promise<boolean> {
    const { net, clock, state, faults, log } = this.#context
    const { height } = this.#manifest
    const startMs = clock.nowMs()
    const reply = await net
      .request(
        source.key,
        PROTOCOLS.get.name,
        encodeGetRequest({ what: 'leaves', height, index: run.first, count: run.count }),
        { timeoutMs: TIMEOUT_MS, maxReplyBytes: run.count * this.#leafBytes, signal: this.#end.signal }
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
    const taken = await state.take({ first: run.first, bytes: reply }, [reply.buffer as ArrayBuffer])
    if (!this.#asked.has(run)) return false
    if (taken.right < run.count) {
      source.dropped = taken.bytes.length === 0 ? 'lacks' : 'lied'
      if (source.dropped === 'lied') {
        faults.count(peerFault('SYNC_LEAF'))
        log.warn({ source: source.key, height, leaf: run.first + taken.right }, 'a peer sent a wrong leaf')
      }
      this.#giveBack(run, source)
      return false
    }
    this.#asked.delete(run)
    this.#hold(run.first, run.count)
    this.#bytes += taken.bytes.length
    const tookMs = clock.nowMs() - startMs
    if (tookMs < QUICK_MS) source.leavesAtOnce = Math.min(BOUNDS.leavesAtOnceMax, 2 * source.leavesAtOnce)
    else if (tookMs > SLOW_MS) source.leavesAtOnce = Math.max(1, source.leavesAtOnce >> 1)
    this.#onProgress(this.#heldCount, this.#held.length)
    if (this.#isWhole) this.#end.abort()
    this.#change()
    await this.#write(run.first, taken.bytes)
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
    this.#change()
  }

  #hold(first: number, count: number): void {
    this.#held.fill(1, first, first + count)
    this.#heldCount += count
  }

  #isConnected({ key }: Source): boolean {
    return this.#context.net.peers().some(peer => peer.key === key)
  }

  /** Several runs in one write: each costs the disk one sync, whatever its length. Waits where the disk is slow. */
  async #write(first: number, bytes: Uint8Array): Promise<void> {
    this.#unwritten.push({ first, bytes })
    this.#unwrittenBytes += bytes.length
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null
    })
    if (this.#unwrittenBytes > UNWRITTEN_MAX) await this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#unwritten.length > 0) {
      const runs = this.#unwritten
      this.#unwritten = []
      const leaves = runs.flatMap(({ first, bytes }) =>
        cut(bytes, this.#leafBytes).map((leaf, i) => [first + i, leaf] as const)
      )
      await this.#context.chain.putLeaves(this.#manifest.height, leaves)
      this.#unwrittenBytes -= runs.reduce((sum, { bytes }) => sum + bytes.length, 0)
    }
  }

  #nextChange(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    return promise
  }

  #change(): void {
    const wake = this.#wake
    this.#changed = this.#nextChange()
    wake()
  }
}

/** A source that has shown that it is fast is asked for several runs at once. */
const lanesAt = (leavesAtOnce: number): number =>
  leavesAtOnce >= 32 ? LANES_PER_SOURCE : leavesAtOnce >= 8 ? 2 : 1

const cut = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

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
