/** Tells what happens: events for whoever listens, metrics, and the figures of the last few rounds. */
import type { DeltaEvent } from '@gradmesh/api'
import { type Clock, type Metrics, toHex } from '@gradmesh/core'
import { type Block, blockIdOf } from '@gradmesh/wire'
import type { PooledDelta } from '../round/delta-pool.ts'
import type { FinalChange } from '../state/ledger.ts'
import { BusyShare } from '../training/busy-share.ts'
import type { Evaluation, TrainingStats } from '../training/training.ts'
import type { Journal } from './journal.ts'
import { Telling } from './telling.ts'

/** Rounds over which samples per second are counted. */
const RATE_WINDOW = 8

export class Reporting {
  readonly #journal: Journal
  readonly #metrics: Metrics
  readonly #self: string
  readonly #batch: number
  readonly #telling: Telling
  readonly #clock: Clock
  readonly #busy: BusyShare
  readonly #startedMs: number
  readonly #recent: TrainingStats[] = []
  #evaluation: Evaluation | null = null
  /** Of the block that becomes final next. */
  #finalityMs: number | null = null
  #lastFinalMs: number
  #round = 0
  #startRound = 0

  constructor(clock: Clock, journal: Journal, metrics: Metrics, self: string, batch: number) {
    this.#clock = clock
    this.#busy = new BusyShare(clock)
    this.#startedMs = clock.nowMs()
    this.#lastFinalMs = this.#startedMs
    this.#journal = journal
    this.#metrics = metrics
    this.#self = self
    this.#batch = batch
    this.#telling = new Telling(metrics)
  }

  get training(): TrainingStats | null {
    return this.#recent.at(-1) ?? null
  }

  get evaluation(): Evaluation | null {
    return this.#evaluation
  }

  /** Rounds that closed while this process took part. */
  get roundsSeen(): number {
    return this.#round - this.#startRound
  }

  samplesPerSecond(): number {
    const seconds = this.#recent.reduce((sum, stats) => sum + stats.seconds, 0)
    return seconds === 0 ? 0 : this.#recent.reduce((sum, stats) => sum + stats.samples, 0) / seconds
  }

  /** Share of the last minute in which the adapter worked, from 0 to 1. */
  adapterBusy(): number {
    return this.#busy.share()
  }

  sinceFinalMs(): number {
    return this.#clock.nowMs() - this.#lastFinalMs
  }

  /** From this round on the peer takes part. */
  begin(round: number): void {
    this.#round = round
    this.#startRound = round
  }

  connected(key: string, address: string | null): void {
    this.#journal.tell({ type: 'peer', change: 'connected', key, address })
  }

  disconnected(key: string): void {
    this.#journal.tell({ type: 'peer', change: 'disconnected', key, address: null })
  }

  trained(stats: TrainingStats): void {
    const busySeconds = stats.seconds - stats.restSeconds
    this.#busy.worked(busySeconds)
    this.#telling.trained(busySeconds, stats.deltaBytes)
    this.#recent.push(stats)
    if (this.#recent.length > RATE_WINDOW) this.#recent.shift()
  }

  evaluated(evaluation: Evaluation): void {
    this.#evaluation = evaluation
  }

  finality(milliseconds: number): void {
    this.#finalityMs = milliseconds
    this.#metrics.observe('gradmesh_finality_seconds', milliseconds / 1000)
  }

  pending({ digest, trainer, round, bytes }: PooledDelta): void {
    this.#tellDelta({ digest, trainer, round }, { outcome: 'pending', bytes: bytes.length, code: null })
  }

  final(change: FinalChange): void {
    const { after, blocks, receipts, refused } = change
    this.#lastFinalMs = this.#clock.nowMs()
    this.#round = after.accounts.round
    this.#metrics.gauge('gradmesh_height', after.height)
    this.#metrics.gauge('gradmesh_round', after.accounts.round)
    for (const block of blocks) this.#block(block, receipts)
    for (const delta of refused) this.#refused(delta, after.height)
    const closed = blocks.filter(block => block.body.attests.length > 0)
    for (const _ of closed) this.#telling.round()
    if (closed.length > 0) this.#roundClosed(change)
  }

  #block({ header, body }: Block, receipts: FinalChange['receipts']): void {
    const { height, slot, round } = header
    const finalityMs = this.#finalityMs
    this.#finalityMs = null
    if (finalityMs !== null) this.#journal.finality(height, finalityMs)
    const empty = body.attests.length === 0
    const id = toHex(blockIdOf(header))
    this.#journal.tell({
      type: 'final',
      height,
      slot,
      id,
      round,
      empty,
      deltas: body.deltas.length,
      finalityMs
    })
    for (const receipt of receipts.filter(receipt => receipt.height === height)) {
      const trainer = toHex(receipt.key)
      this.#telling.delta('accepted', trainer === this.#self, this.#sinceStartSeconds())
      this.#tellDelta(
        { digest: toHex(receipt.digest), trainer, round },
        { outcome: 'accepted', bytes: null, code: null }
      )
    }
  }

  #refused({ digest, trainer, round, signed }: PooledDelta, height: number): void {
    const code = 'DELTA_NOT_NAMED'
    const { steps, payloadBytes } = signed.header
    this.#telling.delta('refused', trainer === this.#self, this.#sinceStartSeconds())
    this.#journal.refuse({ digest, trainer, round, height, steps, payloadBytes, code })
    this.#tellDelta({ digest, trainer, round }, { outcome: 'refused', bytes: payloadBytes, code })
  }

  #tellDelta(
    { digest, trainer, round }: { readonly digest: string; readonly trainer: string; readonly round: number },
    fate: Pick<DeltaEvent, 'outcome' | 'bytes' | 'code'>
  ): void {
    this.#journal.tell({ type: 'delta', digest, trainer, own: trainer === this.#self, round, ...fate })
  }

  #sinceStartSeconds(): number {
    return (this.#clock.nowMs() - this.#startedMs) / 1000
  }

  #roundClosed({ after, receipts }: FinalChange): void {
    this.#journal.tell({
      type: 'round',
      round: after.accounts.round - 1,
      height: after.height,
      loss: this.training?.loss ?? null,
      score: this.#evaluation?.score ?? null,
      deltas: receipts.length,
      samples: receipts.reduce((sum, { steps }) => sum + steps, 0) * this.#batch,
      stateRoot: toHex(after.root),
      at: this.#clock.wallMs()
    })
  }
}
