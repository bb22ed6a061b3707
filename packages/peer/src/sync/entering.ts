/** The way into a mesh: find the others, take over what they made final, ask to be registered. */

import { orAfter, pause, type Timer, toHex } from '@gradmesh/core'
import { encodeTransaction, isQuorum, signRegister } from '@gradmesh/wire'
import { type Context, publishAnyhow } from '../context.ts'
import { isOver } from '../round/proposing.ts'
import type { TransactionPool } from '../round/transaction-pool.ts'
import type { Ledger } from '../state/ledger.ts'
import type { Journal } from '../telling/journal.ts'
import { type Adopted, fetchCheckpoint } from './fetching.ts'
import { type Resumed, resumeVoting } from './resuming.ts'
import type { Syncing } from './syncing.ts'

/** How long a peer looks for others that are ahead before it goes on with what it has. */
const LOOK_AROUND_MS = 3000
/** How long the validators of a new mesh wait for a quorum of each other before the first round. */
const GATHER_MS = 60_000
const REGISTER_EVERY_MS = 3000
const RETRY_MS = 500

export type IsStopping = () => boolean

/**
 * A newcomer: if others have a checkpoint, start there instead of at the genesis. Where the genesis is not enough to
 * start at, look until there is one.
 */
export const lookAround = async (
  context: Context,
  journal: Journal,
  isStopping: IsStopping,
  hasGenesis: boolean
): Promise<Adopted | undefined> => {
  journal.enter('syncing', 'looking for peers that are ahead')
  for (;;) {
    await anyPeer(context, isStopping)
    const sources = context.net.peers().map(({ key }) => key)
    const adopted = await fetchCheckpoint(context, sources, tellFetching(journal))
    if (adopted !== undefined || hasGenesis || isStopping()) return adopted
    journal.enter('syncing', 'waiting for the first checkpoint: this mesh goes on from another')
    await pause(context.clock, RETRY_MS)
  }
}

export const tellFetching =
  (journal: Journal) =>
  (done: number, total: number): void =>
    journal.enter('syncing', 'fetching a checkpoint', { done, total, unit: 'pieces' })

/** The validators of a new mesh wait for each other: a first round without most of them would be lost work. */
export const gatherQuorum = async (
  context: Context,
  syncing: Syncing,
  journal: Journal,
  isStopping: IsStopping
): Promise<void> => {
  const { net, company, epochs, clock, self } = context
  const { seats, totalStake } = epochs.running
  if (epochs.running.self === null) return
  const startedMs = clock.nowMs()
  for (;;) {
    const { next } = company
    const waitedMs = clock.nowMs() - startedMs
    if (isStopping() || waitedMs >= GATHER_MS) return
    const present = new Set([self, ...net.peers().map(({ key }) => key)])
    const here = seats.filter(({ key }) => present.has(toHex(key)))
    const stake = here.reduce((sum, validator) => sum + validator.stake, 0n)
    journal.enter('waiting', `${here.length} of ${seats.length} validators are connected`)
    if (stake === totalStake || syncing.target > 0) return
    if (isQuorum(stake, totalStake) && waitedMs >= LOOK_AROUND_MS) return
    await orAfter(clock, next, (waitedMs < LOOK_AROUND_MS ? LOOK_AROUND_MS : GATHER_MS) - waitedMs)
  }
}

/** Takes over what the others have made final meanwhile. Undefined when the peer was stopped. */
export const catchUp = async (
  context: Context,
  ledger: Ledger,
  syncing: Syncing,
  journal: Journal,
  isStopping: IsStopping
): Promise<Resumed | undefined> => {
  const { running } = context.epochs
  const isAlone = running.seats.length === 1 && running.self !== null
  if (!isAlone) await anyPeer(context, isStopping)
  const seen = (await context.safety.final())?.height ?? 0
  while (!isStopping()) {
    syncing.wake()
    await syncing.settled()
    const { height } = ledger.final
    const resumed = height < seen ? undefined : await resumeVoting(context, ledger)
    if (resumed !== undefined) return isStopping() ? undefined : resumed
    const wanted = height < seen ? `block ${seen}, which this key has seen final` : `block ${height + 1}`
    journal.enter('syncing', `at block ${height}, waiting for ${wanted}`)
    await pause(context.clock, RETRY_MS)
  }
  return undefined
}

const anyPeer = async ({ net, company, clock }: Context, isStopping: IsStopping): Promise<void> => {
  const endMs = clock.nowMs() + LOOK_AROUND_MS
  for (;;) {
    const { next } = company
    const leftMs = endMs - clock.nowMs()
    if (isStopping() || leftMs <= 0 || net.peers().length > 0) return
    await orAfter(clock, next, leftMs)
  }
}

/** A peer with work to offer and no entry in the registry asks for one until it has it. Returns the way to stop. */
export const keepRegistering = (
  context: Context,
  ledger: Ledger,
  transactions: TransactionPool
): (() => void) => {
  const { topics, keys, chainId, options, self, clock } = context
  let timer: Timer | undefined
  const ask = (): void => {
    const { final } = ledger
    if (!options.train || final.isTrainer(self) || isOver(context, ledger)) return
    const tx = signRegister({ key: keys.publicKey, label: options.label }, chainId, keys)
    const bytes = encodeTransaction(tx)
    transactions.offer(bytes, final, null)
    publishAnyhow(context, topics.transactions.name, bytes)
    timer = clock.after(REGISTER_EVERY_MS, ask)
  }
  ask()
  return () => timer?.cancel()
}
