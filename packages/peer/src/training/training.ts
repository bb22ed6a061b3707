/**
 * The trainer's round: train from the newest final state, compress, write down, publish. Then wait for
 * the ledger's verdict, which decides whether the error buffer is debited. A round that closed without
 * us is simply missed; its work stays in the buffer.
 */
import { equalBytes, isFault, MeshError, sha256, toHex } from '@gradmesh/core'
import { assignRows } from '@gradmesh/ledger'
import { innerRate, shareDone } from '@gradmesh/train'
import {
  type Digest,
  decodeSignedDelta,
  deltaDigest,
  encodeSignedDelta,
  encodeSignedDeltaHeader,
  PROTOCOL_VERSION,
  SIGNED_DELTA_HEADER_BYTES,
  type SignedDelta,
  signDeltaHeader
} from '@gradmesh/wire'
import { type Context, digestOf } from '../context.ts'
import type { DeltaPool } from '../round/delta-pool.ts'
import { isOver } from '../round/proposing.ts'
import type { FinalChange, FinalPoint, Ledger } from '../state/ledger.ts'
import { INLINE_BYTES_MAX } from '../topics.ts'
import type { Remote } from '../worker-rpc.ts'
import { COMPUTE_LOST, type ComputeTable } from './computing.ts'

/** Share of the round's deadline that may go into inner steps: the rest is for sending and attesting. */
const TRAINING_SHARE = 0.7

export interface TrainingStats {
  readonly round: number
  readonly loss: number
  readonly steps: number
  readonly samples: number
  readonly seconds: number
  /** Of `seconds`, those in which the cap on the adapter made it rest. */
  readonly restSeconds: number
  /** Steps of a whole round. */
  readonly stepsMax: number
  readonly deltaBytes: number
}

export interface Evaluation {
  readonly round: number
  readonly loss: number
  readonly score: number
}

export interface TrainingParts {
  readonly compute: Remote<ComputeTable>
  readonly ledger: Ledger
  readonly pool: DeltaPool
  /** The adapter is ready; until then rounds go by. */
  readonly opened: Promise<{
    /** That rows are drawn from. */
    readonly samples: number
  }>
  /** A cap of the operator's says: not now. */
  readonly isHeld?: () => boolean
}

export class Training {
  readonly #context: Context
  readonly #parts: TrainingParts
  /** The delta whose fate the ledger has not told yet. */
  #open: { round: number; digest: string } | null = null
  /** The newest delta that this process gave to the mesh; after a restart it is given again. */
  #published = ''
  #asked = false
  #busy = false
  #stopped = false
  #evaluated = -1
  #idle: Promise<void> = Promise.resolve()
  /** Verdicts on their way to the error buffer: it has them before the next round. */
  #settling: Promise<void> = Promise.resolve()
  #isOpening = true
  paused = true
  onTrained: (stats: TrainingStats) => void = () => {}
  onEvaluated: (evaluation: Evaluation) => void = () => {}

  constructor(context: Context, parts: TrainingParts, open: { round: number; digest: string } | null) {
    this.#context = context
    this.#parts = parts
    this.#open = open
    parts.opened.then(
      () => {
        this.#isOpening = false
      },
      () => {}
    )
  }

  get isOpening(): boolean {
    return this.#isOpening
  }

  /** Called after every final block, and once at the start. A call while one is at work is never lost. */
  wake(): void {
    if (this.#stopped || this.paused) return
    this.#asked = true
    if (this.#busy) return
    this.#busy = true
    this.#idle = this.#work()
  }

  /** Notes what the ledger said about the own delta of a closed round. */
  settle({ blocks, receipts }: FinalChange): void {
    if (this.#open === null) return
    const closed = blocks.some(
      block => block.body.attests.length > 0 && block.header.round === this.#open?.round
    )
    if (!closed) return
    const { digest } = this.#open
    this.#open = null
    const accepted = receipts.some(receipt => receipt.weightQ16 > 0 && toHex(receipt.digest) === digest)
    const { compute, opened } = this.#parts
    this.#settling = opened.then(() => compute.settle({ accepted }))
    // Told to whoever trains next.
    this.#settling.catch(() => {})
  }

  /** The round under way is cut short: whoever stops a peer doesn't wait for all of it. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#parts.compute.abandon(undefined).catch(() => {})
    await this.#idle
    await this.#settling.catch(() => {})
  }

  async #work(): Promise<void> {
    try {
      // Whoever started the peer hears why there is no adapter.
      if (!(await isDone(this.#parts.opened))) return
      while (this.#asked && !this.#stopped && !this.paused) {
        this.#asked = false
        await this.#settling
        const { final } = this.#parts.ledger
        const mine = final.trainerIndex(this.#context.self)
        const over = isOver(this.#context, this.#parts.ledger)
        const held = this.#parts.isHeld?.() ?? false
        if (this.#context.options.train && mine !== undefined && !over && !held)
          await this.#round(final, mine)
        // The last state is measured all the same: without that the run would not end here.
        if (!this.#stopped && (!held || over)) await this.#evaluate(final)
      }
    } catch (error) {
      if (!this.#stopped) this.#context.fail(error)
    } finally {
      // In the same turn as the loop's last look at what was asked.
      this.#busy = false
    }
  }

  async #round(final: FinalPoint, mine: number): Promise<void> {
    const { round } = final.accounts
    const { safety } = this.#context
    const sealed = await safety.seal(round)
    if (sealed?.bytes) return this.#publish(sealed.digest, sealed.bytes)
    const signed = await this.#unsealed(round)
    // Of a delta that was sealed and lost, as with a chain that went back, the digest is left: the round is missed.
    if (sealed !== undefined && (signed === undefined || !isOf(signed, sealed.digest))) return
    const delta = signed ?? (await this.#train(final, mine))
    if (delta === undefined || this.#stopped) return
    const digest = deltaDigest(delta.header)
    const bytes = encodeSignedDelta(delta)
    if (await this.#seal(round, digest, bytes)) await this.#publish(digest, bytes)
  }

  /** False where the record takes no delta of so old a round, as right after a restored key may sign again: it is missed. */
  async #seal(round: number, digest: Digest, bytes: Uint8Array): Promise<boolean> {
    const { safety, log } = this.#context
    try {
      await safety.recordSeal(round, digest, bytes)
      return true
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== 'STORE_SAFETY_BELOW') throw error
      log.info({ round, reason: error.message }, 'this round is missed')
      return false
    }
  }

  /** Written down with its error buffer before a crash that came between this and its seal. */
  async #unsealed(round: number): Promise<SignedDelta | undefined> {
    if (this.#open?.round !== round) return undefined
    return this.#context.chain.delta(digestOf(this.#open.digest))
  }

  /** Trains one round and makes its delta durable, or answers undefined when the round closed meanwhile. */
  async #train(final: FinalPoint, mine: number): Promise<SignedDelta | undefined> {
    const { genesis, keys, chainId, chain, state } = this.#context
    const { round, cursor, trainers } = final.accounts
    const { innerSteps, batch } = genesis.training
    const rows = assignRows({
      seed: genesis.seed,
      cursor,
      trainerIndex: mine,
      trainerCount: trainers.length,
      innerSteps,
      batch,
      samples: (await this.#parts.opened).samples
    })
    // The state thread may have moved on while this waited its turn: then there is a newer round to train.
    const weights = await state.weights({ id: final.id })
    if (weights === null) return undefined
    const trained = await this.#unlessLost(
      this.#parts.compute.round(
        {
          weights,
          rows,
          steps: innerSteps,
          batch,
          rate: innerRate(genesis.training, round),
          done: shareDone(round, genesis.end.rounds),
          budgetMs: genesis.timing.roundDeadlineMs * TRAINING_SHARE
        },
        [weights.buffer as ArrayBuffer]
      )
    )
    if (trained === undefined) return undefined
    if (this.#parts.ledger.final.accounts.round !== round) {
      await this.#parts.compute.settle({ accepted: false })
      return undefined
    }
    const { payload, accumulated, steps } = trained
    const header = {
      protocol: PROTOCOL_VERSION,
      trainer: keys.publicKey,
      round,
      base: final.root,
      steps,
      payloadBytes: payload.length,
      payloadHash: sha256(payload)
    }
    const signed: SignedDelta = { ...signDeltaHeader(header, chainId, keys), payload }
    const digest = deltaDigest(header)
    // From here on the ledger's word on this round counts, even if it comes while the disk writes.
    this.#open = { round, digest: toHex(digest) }
    await chain.putError(round, accumulated, signed)
    this.#context.log.debug({ round, steps, loss: trained.loss, seconds: trained.seconds }, 'trained')
    this.onTrained({
      round,
      loss: trained.loss,
      steps,
      samples: trained.samples,
      seconds: trained.seconds,
      restSeconds: trained.restSeconds,
      stepsMax: innerSteps,
      deltaBytes: SIGNED_DELTA_HEADER_BYTES + payload.length
    })
    return signed
  }

  async #publish(digest: Digest, bytes: Uint8Array): Promise<void> {
    const { net, topics } = this.#context
    if (this.#published === toHex(digest)) return
    const offered = await this.#parts.pool.offer(bytes)
    if (isFault(offered)) {
      if (offered.fault === 'DELTA_STALE') return
      throw new MeshError('TRAIN_OWN_DELTA', `this peer's own delta was refused: ${offered.fault}`, {
        remedy: 'This is a defect; `gradmesh verify` tells whether the data folder is sound.'
      })
    }
    this.#published = toHex(digest)
    const signed = decodeSignedDelta(bytes)
    if (isFault(signed) || bytes.length <= INLINE_BYTES_MAX) return net.publish(topics.deltas.name, bytes)
    return net.publish(topics.announcements.name, encodeSignedDeltaHeader(signed))
  }

  /** On held-out data, every so many rounds: while the others still deliver, so that it costs no time. */
  async #evaluate(final: FinalPoint): Promise<void> {
    const { round } = final.accounts
    const over = isOver(this.#context, this.#parts.ledger)
    if (round === this.#evaluated || (!over && round % this.#context.options.evaluateEvery !== 0)) return
    const weights = await this.#context.state.weights({ id: final.id })
    if (weights === null) return
    this.#evaluated = round
    const metrics = await this.#unlessLost(
      this.#parts.compute.evaluate({ weights }, [weights.buffer as ArrayBuffer])
    )
    if (metrics === undefined) this.#evaluated = -1
    else this.onEvaluated({ round, loss: metrics.loss, score: metrics.score })
  }

  /** An adapter that went away costs this piece of work and no more: the next finds it opened again. */
  async #unlessLost<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== COMPUTE_LOST) throw error
      this.#context.log.warn({ reason: error.message, remedy: error.remedy }, 'the adapter was lost')
      return undefined
    }
  }
}

const isDone = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false
  )

const isOf = ({ header }: SignedDelta, digest: Digest): boolean => equalBytes(deltaDigest(header), digest)
