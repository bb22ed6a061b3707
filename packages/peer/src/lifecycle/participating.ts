/**
 * What a peer does in its mesh once its parts stand: it gets in step, votes, attests and trains, holds still where a cap
 * or a restored key wants it, comes back from a sleep, and is done when the last round is final and measured.
 */
import { toHex } from '@gradmesh/core'
import { warnOfTightCaps } from '../caps/index.ts'
import type { Context } from '../context.ts'
import type { Ports } from '../ports.ts'
import { gatherDeltas, recallDeltas } from '../round/gathering.ts'
import { isOver } from '../round/proposing.ts'
import { keyRestored } from '../round/renewing.ts'
import type { FinalChange } from '../state/ledger.ts'
import { catchUp, gatherQuorum, keepRegistering, tellFetching } from '../sync/entering.ts'
import { wakeUp } from '../sync/waking.ts'
import { blocks, type Journal } from '../telling/journal.ts'
import { startPulse } from '../telling/pulse.ts'
import type { Reporting } from '../telling/reporting.ts'
import { type Parts, stopParts } from './assembling.ts'
import type { Lifetime } from './lifetime.ts'

export interface ParticipatingInit extends Pick<Ports, 'loopDelay' | 'checkTrust'> {
  readonly journal: Journal
  readonly reporting: Reporting
  readonly lifetime: Lifetime
  /** What it greets with. */
  readonly agent: string
}

export class Participating {
  readonly #context: Context
  readonly #parts: Parts
  readonly #init: ParticipatingInit
  #stopRegistering: () => void = () => {}

  /** Listens to the parts from here on, and stops them at the end of the peer's life. */
  constructor(context: Context, parts: Parts, init: ParticipatingInit) {
    this.#context = context
    this.#parts = parts
    this.#init = init
    this.#watch()
    this.#listen()
    init.lifetime.closers.push(() => {
      this.#stopRegistering()
      return stopParts(parts)
    })
  }

  /** Catches up, waits for a quorum of a new mesh to gather, then votes, attests and trains. */
  async begin(): Promise<void> {
    const { journal, reporting, lifetime, loopDelay, checkTrust } = this.#init
    const { isStopping } = lifetime
    const context = this.#context
    const { ledger, pool, driver, attesting, syncing, training, transactions, compute } = this.#parts
    journal.enter('syncing', null)
    syncing.onFetching = tellFetching(journal)
    syncing.onProgress = progress => {
      if (progress === null) return
      const { height, target } = progress
      journal.enter('syncing', `block ${height} of ${target}`, blocks(height, target))
    }
    if (ledger.final.height === 0) {
      // The first rounds of a mesh wait for its trainers; one that is under way does not.
      await compute.opened
      await gatherQuorum(context, syncing, journal, isStopping)
    }
    const resumed = await catchUp(context, ledger, syncing, journal, isStopping)
    if (resumed === undefined) return
    await checkTrust(context.chain, context.genesis)
    if (isStopping()) return
    const { height, accounts } = ledger.final
    context.log.info({ height, round: accounts.round }, 'in step with the mesh')
    warnOfTightCaps(context, accounts.trainers.length)
    loopDelay.reset()
    reporting.begin(accounts.round)
    // When all is over there is nothing to vote on: a restart would only add empty blocks.
    if (!this.#isComplete) driver.start(resumed)
    attesting.paused = false
    training.paused = false
    this.#renew()
    this.#settlePhase()
    await recallDeltas(context, pool)
    attesting.open()
    // What the others have sent in the open round went past this peer.
    void gatherDeltas(context, pool).catch(context.fail)
    training.wake()
    syncing.wake()
    if (!isStopping()) this.#stopRegistering = keepRegistering(context, ledger, transactions)
    this.#considerEnd()
  }

  #listen(): void {
    const { reporting } = this.#init
    const { ledger, pool, driver, attesting, training, compute } = this.#parts
    compute.opened.then(
      () => this.#settlePhase(),
      () => {}
    )
    pool.onDelta = delta => {
      attesting.seen(delta.trainer)
      reporting.pending(delta)
      attesting.consider()
    }
    ledger.onFinal = change => this.#onFinal(change)
    driver.onFinality = milliseconds => reporting.finality(milliseconds)
    training.onTrained = stats => reporting.trained(stats)
    training.onEvaluated = evaluation => {
      reporting.evaluated(evaluation)
      this.#considerEnd()
    }
  }

  async #onFinal(change: FinalChange): Promise<void> {
    const { journal, reporting } = this.#init
    const { attesting, driver, training, renewing } = this.#parts
    reporting.final(change)
    await training.settle(change)
    if (await renewing?.see(change.blocks)) {
      this.#context.epochs.seat(this.#context.keys.publicKey)
      journal.lastError = null
      driver.renew()
    }
    attesting.advance(change.after)
    this.#settlePhase()
    training.wake()
    this.#considerEnd()
  }

  // ------------------------------------------------------------- holding still, and going on

  /** Caps and sleep, once a second. */
  #watch(): void {
    const { clock, log, fail } = this.#context
    const { caps, compute, training } = this.#parts
    caps.onChange = () => {
      if (caps.isPausedFor('memory'))
        void compute.call
          .release(undefined)
          .catch(error => log.debug({ error }, 'the adapter was not released'))
      this.#settlePhase()
      training.wake()
    }
    caps.tick(clock.nowMs(), clock.wallMs())
    const stopPulse = startPulse({
      clock,
      onBeat: () => caps.tick(clock.nowMs(), clock.wallMs()),
      onWake: seconds => void this.#onWake(seconds).catch(fail)
    })
    this.#init.lifetime.closers.push(async () => stopPulse())
  }

  async #onWake(seconds: number): Promise<void> {
    const context = this.#context
    const { syncing, training } = this.#parts
    const { journal, agent, lifetime } = this.#init
    const { isStopping } = lifetime
    context.log.info({ seconds }, 'was asleep, catching up')
    await wakeUp({ context, syncing, journal, agent, isStopping }, seconds)
    if (isStopping()) return
    this.#settlePhase()
    training.wake()
  }

  /** A key that came back from a backup asks for leave to sign, and its operator hears so. */
  #renew(): void {
    const { renewing } = this.#parts
    if (renewing === undefined) return
    const wait = keyRestored()
    this.#context.log.warn({ code: wait.code }, wait.message)
    this.#init.journal.failed(wait, this.#context.clock.wallMs())
    renewing.ask()
  }

  /** Of a peer in step; until it is, what brings it there tells how far it has come. */
  #settlePhase(): void {
    const { journal } = this.#init
    const { ledger, training, caps, renewing } = this.#parts
    const { options, self } = this.#context
    if (training.paused || journal.phase === 'finished') return
    const trains = options.train && ledger.final.isTrainer(self)
    const opening = training.isOpening ? 'opening the adapter' : null
    const pause = renewing?.isPending
      ? 'its key came back from a backup and must not sign yet'
      : (caps.pause ?? opening)
    const reason = trains ? pause : 'not registered as a trainer yet'
    journal.enter(reason === null ? 'training' : 'waiting', reason)
  }

  // ------------------------------------------------------------- the end of the run

  /** The last round is closed, and an empty block on top of it carries its root. */
  get #isComplete(): boolean {
    const { ledger } = this.#parts
    const { header, accounts } = ledger.final
    return isOver(this.#context, ledger) && header !== null && header.round >= accounts.round
  }

  /** The run is over when it is complete and its last state has been measured here. */
  #considerEnd(): void {
    const { journal, reporting } = this.#init
    const { evaluation } = reporting
    if (journal.phase === 'finished' || !this.#isComplete) return
    if (evaluation?.round !== this.#parts.ledger.final.accounts.round) return
    journal.enter('finished')
    void this.#end(evaluation.score).catch(this.#init.lifetime.fail)
  }

  /** Votes of the slots to come would decide nothing; sync still serves whoever is behind. */
  async #end(score: number): Promise<void> {
    const { ledger, attesting, driver } = this.#parts
    attesting.stop()
    await driver.stop()
    // An empty block on top may have become final meanwhile: what is told is what the folder holds.
    await ledger.settled()
    const { height, root, accounts } = ledger.final
    this.#init.lifetime.finish({ round: accounts.round, height, root: toHex(root), score })
  }
}
