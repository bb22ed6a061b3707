/**
 * The trainer's round: train from the newest final state, compress, write down, publish. Then wait for
 * the ledger's verdict, which decides whether the error buffer is debited. A round that closed without
 * us is simply missed; its work stays in the buffer.
 */
import { isFault, MeshError, sha256, toHex } from '@gradmesh/core'
import { assignRows } from '@gradmesh/ledger'
import { innerRate } from '@gradmesh/train'
import {
  decodeSignedDelta,
  deltaDigest,
  encodeSignedDelta,
  encodeSignedDeltaHeader,
  PROTOCOL_VERSION,
  type SignedDelta,
  signDeltaHeader
} from '@gradmesh/wire'
import type { ComputeTable } from './compute-worker.ts'
import type { Context } from './context.ts'
import type { DeltaPool } from './delta-pool.ts'
import type { FinalChange, FinalPoint, Ledger } from './ledger.ts'
import { isOver } from './proposing.ts'
import { INLINE_BYTES_MAX } from './topics.ts'
import type { Remote } from './worker-rpc.ts'

/** Share of the round's deadline that may go into inner steps: the rest is for sending and attesting. */
const TRAINING_SHARE = 0.7

export interface TrainingStats {
  readonly round: number
  readonly loss: number
  readonly steps: number
  readonly samples: number
  readonly seconds: number
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
  readonly samples: number
}

export class Training {
  readonly #context: Context
  readonly #parts: TrainingParts
  /** The delta whose fate the ledger has not told yet. */
  #open: { round: number; digest: string } | null = null
  #busy = false
  #stopped = false
  #evaluated = -1
  #idle: Promise<void> = Promise.resolve()
  paused = true
  onTrained: (stats: TrainingStats) => void = () => {}
  onEvaluated: (evaluation: Evaluation) => void = () => {}

  constructor(context: Context, parts: TrainingParts, open: { round: number; digest: string } | null) {
    this.#context = context
    this.#parts = parts
    this.#open = open
  }

  /** Called after every final block, and once at the start. */
  wake(): void {
    if (this.#busy || this.#stopped || this.paused) return
    this.#busy = true
    this.#idle = this.#work()
      .catch(error => {
        if (!this.#stopped) this.#context.fail(error)
      })
      .finally(() => {
        this.#busy = false
      })
  }

  /** Notes what the ledger said about the own delta of a closed round. */
  async settle({ blocks, receipts }: FinalChange): Promise<void> {
    if (this.#open === null) return
    const closed = blocks.some(
      block => block.body.attests.length > 0 && block.header.round === this.#open?.round
    )
    if (!closed) return
    const { digest } = this.#open
    this.#open = null
    await this.#parts.compute.settle({
      accepted: receipts.some(receipt => receipt.weightQ16 > 0 && toHex(receipt.digest) === digest)
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#idle
  }

  async #work(): Promise<void> {
    for (;;) {
      const { final } = this.#parts.ledger
      const mine = final.trainerIndex(this.#context.self)
      if (this.#context.options.train && mine !== undefined && !isOver(this.#context, this.#parts.ledger)) {
        await this.#round(final, mine)
      }
      if (this.#stopped) return
      await this.#evaluate(final)
      if (this.#stopped || this.paused || this.#parts.ledger.final.accounts.round === final.accounts.round)
        return
    }
  }

  async #round(final: FinalPoint, mine: number): Promise<void> {
    const { round } = final.accounts
    if (this.#open?.round === round) return
    const sealed = await this.#context.safety.seal(round)
    if (sealed !== undefined) return this.#publish(sealed.bytes)
    const signed = await this.#train(final, mine)
    if (signed === undefined || this.#stopped) return
    this.#open = { round, digest: toHex(deltaDigest(signed.header)) }
    await this.#publish(encodeSignedDelta(signed))
  }

  /** Trains one round and makes its delta durable, or answers undefined when the round closed meanwhile. */
  async #train(final: FinalPoint, mine: number): Promise<SignedDelta | undefined> {
    const { genesis, keys, chainId, chain, safety, state } = this.#context
    const { round, cursor, trainers } = final.accounts
    const { innerSteps, batch } = genesis.training
    const rows = assignRows({
      seed: genesis.seed,
      cursor,
      trainerIndex: mine,
      trainerCount: trainers.length,
      innerSteps,
      batch,
      samples: this.#parts.samples
    })
    // The state thread may have moved on while this waited its turn: then there is a newer round to train.
    const weights = await state.weights({ id: final.id })
    if (weights === null) return undefined
    const trained = await this.#parts.compute.round(
      {
        weights,
        rows,
        steps: innerSteps,
        batch,
        rate: innerRate(genesis.training, round),
        budgetMs: genesis.timing.roundDeadlineMs * TRAINING_SHARE
      },
      [weights.buffer as ArrayBuffer]
    )
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
    const bytes = encodeSignedDelta(signed)
    await chain.putDeltas([signed])
    await chain.putError(round, accumulated, deltaDigest(header))
    await safety.recordSeal(round, deltaDigest(header), bytes)
    this.#context.log.debug({ round, steps, loss: trained.loss, seconds: trained.seconds }, 'trained')
    this.onTrained({
      round,
      loss: trained.loss,
      steps,
      samples: trained.samples,
      seconds: trained.seconds,
      deltaBytes: bytes.length
    })
    return signed
  }

  async #publish(bytes: Uint8Array): Promise<void> {
    const { net, topics } = this.#context
    const offered = await this.#parts.pool.offer(bytes)
    if (isFault(offered)) {
      if (offered.fault === 'DELTA_STALE') return
      throw new MeshError('TRAIN_OWN_DELTA', `this peer's own delta was refused: ${offered.fault}`, {
        remedy: 'This is a defect; `gradmesh verify` tells whether the data folder is sound.'
      })
    }
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
    const { loss, score } = await this.#parts.compute.evaluate({ weights }, [weights.buffer as ArrayBuffer])
    this.onEvaluated({ round, loss, score })
  }
}
