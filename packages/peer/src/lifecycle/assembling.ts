/**
 * The parts of a peer: made over its context, joined to each other, and taken apart in one piece. What the peer does
 * about what they tell is `participating.ts`.
 */
import { toHex } from '@gradmesh/core'
import { CapKeeper, collectGarbage, noCaps } from '../caps/index.ts'
import type { Context } from '../context.ts'
import type { Held } from '../holding.ts'
import { Asking } from '../inference/asking.ts'
import { Attesting } from '../round/attesting.ts'
import { DeltaPool } from '../round/delta-pool.ts'
import { Driver } from '../round/driver.ts'
import { Evidences } from '../round/evidences.ts'
import { gatherDeltas } from '../round/gathering.ts'
import { Proposer } from '../round/proposing.ts'
import { Renewing, type RestoredMark } from '../round/renewing.ts'
import { TransactionPool } from '../round/transaction-pool.ts'
import { FinalPoint, Ledger } from '../state/ledger.ts'
import type { StateHead } from '../state/state-table.ts'
import { resumeVoting } from '../sync/resuming.ts'
import { Syncing } from '../sync/syncing.ts'
import { Training } from '../training/training.ts'
import type { StartedCompute } from './opening.ts'

/** What takes part in the mesh once the ledger is open. */
export interface Parts {
  readonly ledger: Ledger
  readonly pool: DeltaPool
  readonly driver: Driver
  readonly attesting: Attesting
  readonly syncing: Syncing
  readonly training: Training
  readonly transactions: TransactionPool
  readonly evidences: Evidences
  readonly caps: CapKeeper
  readonly compute: Pick<StartedCompute, 'call' | 'opened'>
  /** The model, to be asked; undefined where nothing answers. */
  readonly asking: Asking | undefined
  /** Of a key that came back from a backup. */
  readonly renewing: Renewing | undefined
}

/** @param head the final state to go on from. */
export const assemble = async (
  context: Context,
  head: StateHead,
  { call, answering, opened, openDelta }: StartedCompute,
  restored: RestoredMark | undefined
): Promise<Parts> => {
  const { chain, options, log, fail } = context
  const headBlock = head.height === 0 ? undefined : await chain.blockAt(head.height)
  const final = new FinalPoint(head, headBlock?.header ?? null)
  const evidences = new Evidences(context.chainId, context.genesis.epochs)
  const transactions = new TransactionPool(context)
  const pool = new DeltaPool(context, evidences, final)
  const checkpointed = (await chain.newestCheckpoint())?.height ?? 0
  const ledger = new Ledger(context, pool, final, head, checkpointed)
  const attesting = new Attesting(context, pool, final)
  const proposer = new Proposer(context, { ledger, pool, attesting, transactions, evidences })
  const syncing: Syncing = new Syncing(context, ledger, pool, () => driver)
  const driver = new Driver(context, {
    ledger,
    evidences,
    propose: (proposal, lapsed) => proposer.propose(proposal, lapsed),
    onSlot: () => proposer.look(),
    fetchBlock: id => syncing.fetchBlock(id),
    sync: () => syncing.wake(),
    resume: () => resumeVoting(context, ledger)
  })
  const caps = new CapKeeper({
    caps: options.caps ?? noCaps,
    log,
    residentBytes: () => process.memoryUsage.rss(),
    shed: () => {
      pool.shed()
      collectGarbage()
    }
  })
  const asking = answering === null ? undefined : askingOf(context, answering, ledger, caps)
  const isPending = (await restored?.isThere()) ?? false
  const renewing =
    restored !== undefined && isPending
      ? new Renewing(context, { final: () => ledger.final, transactions, mark: restored })
      : undefined
  const isHeld = (): boolean => caps.pause !== null || (renewing?.isPending ?? false)
  const training = new Training(context, { compute: call, opened, ledger, pool, isHeld }, openDelta)

  transactions.onTransaction = () => attesting.consider()
  attesting.onChange = () => proposer.look()
  attesting.isWorkWaiting = final =>
    transactions.forBlock(final).length > 0 || evidences.forBlock(final).length > 0
  attesting.onMissing = () => void gatherDeltas(context, pool).catch(fail)
  return {
    ...{ ledger, pool, driver, attesting, syncing, training, transactions, evidences },
    ...{ caps, compute: { call, opened }, asking, renewing }
  }
}

export const stopParts = async (parts: Parts): Promise<void> => {
  const { ledger, driver, attesting, syncing, training, renewing } = parts
  renewing?.stop()
  attesting.stop()
  await Promise.all([training.stop(), driver.stop(), syncing.stop(), ledger.stop()])
}

/** What the parts keep because of what others sent. */
export const heldBy = (parts: Parts, { epochs, net }: Context): readonly Held[] => {
  const { ledger, pool, driver, attesting, syncing, transactions, evidences } = parts
  const extent = {
    trainers: ledger.final.accounts.trainers.length,
    seats: epochs.running.seats.length,
    connections: net.peers().length,
    slots: driver.slots,
    liveBlocks: ledger.liveBlocks().length
  }
  const counted = [driver, pool, attesting, ledger, syncing, transactions, evidences]
  return counted.flatMap(part => part.held(extent))
}

const askingOf = (
  { clock, chainId, state }: Context,
  answering: NonNullable<StartedCompute['answering']>,
  ledger: Ledger,
  caps: CapKeeper
): Asking => {
  const pause = (): string | null => (caps.isPausedFor('memory') ? caps.pause : null)
  return new Asking({ clock, chainId: toHex(chainId), answering, state, final: () => ledger.final, pause })
}
