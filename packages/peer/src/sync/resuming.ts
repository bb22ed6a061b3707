/** What a peer that ran before takes up again: its votes, and the work that its last delta left behind. */
import type { Restored } from '@gradmesh/consensus'
import { isFault, toHex } from '@gradmesh/core'
import type { ChainStore } from '@gradmesh/store'
import { decodeVote, type Vote } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { blockRef } from '../round/consensus-config.ts'
import type { Ledger } from '../state/ledger.ts'
import type { StoredError } from '../training/error-buffer.ts'

export interface Resumed {
  readonly restored: Restored
  /** Own votes above the final block. */
  readonly votes: readonly Vote[]
}

/**
 * Where voting goes on from: the newest final block and everything known above it. Undefined while there is
 * no certificate of exactly that block, as right after a checkpoint was adopted: its successor brings one.
 */
export const resumeVoting = async (context: Context, ledger: Ledger): Promise<Resumed | undefined> => {
  const { chain, safety } = context
  const { final } = ledger
  const block = final.height === 0 ? undefined : await chain.blockAt(final.height)
  const certificate = block && (await chain.finalCertificateFor(final.height))
  const isStart = final.header === null || final.header.epoch < final.accounts.epoch
  if (!isStart && certificate?.slot !== final.slot) return undefined
  const live = await chain.live()
  for (const block of live.blocks) ledger.add(block)
  const votes = (await safety.votesFrom(final.slot + 1)).map(({ bytes }) => decodeVote(bytes))
  const restored = {
    facts: await safety.factsFrom(final.slot + 1),
    finalBlock: block === undefined ? null : blockRef(block, context.genesis.epochs),
    finalCertificate: isStart ? null : (certificate ?? null),
    highWaterSlot: Math.max(0, safety.highWaterSlot()),
    blocks: ledger.liveBlocks().map(block => blockRef(block, context.genesis.epochs)),
    certificates: live.certificates
  }
  // The ledger may have moved on while the disk was read.
  if (ledger.final !== final) return resumeVoting(context, ledger)
  return { restored, votes: votes.flatMap(vote => (isFault(vote) ? [] : [vote])) }
}

export interface ResumedError {
  /** The own delta that was published last. */
  readonly round: number
  readonly digest: string
  /** The ledger has not said yet what became of it. */
  readonly isOpen: boolean
  /** Null where its file was damaged. */
  readonly buffer: StoredError | null
}

/** The error buffer as it was written down, and what the own chain says of the delta that went with it. */
export const storedError = async ({
  chain,
  log,
  metrics
}: Pick<Context, 'chain' | 'log' | 'metrics'>): Promise<ResumedError | null> => {
  const stored = await chain.error()
  if (stored === undefined || stored.pendingDelta === null) return null
  const { round, pendingDelta } = stored
  const signed = await chain.delta(pendingDelta)
  const receipt = await chain.receipt(pendingDelta)
  const isAccepted = receipt !== undefined && receipt.weightQ16 > 0
  // A delta that is gone was pruned, which happens to those alone that no block of their round named.
  const isPast = signed === undefined || (await isClosed(chain, round))
  const accepted = isAccepted ? true : isPast ? false : null
  const resumed = { round, digest: toHex(pendingDelta), isOpen: accepted === null }
  if ('damage' in stored) {
    metrics.count('gradmesh_error_buffer_lost_total')
    log.warn(
      { damage: stored.damage },
      'in chain/, what earlier rounds had not sent yet is damaged and lost; training goes on without it'
    )
    return { ...resumed, buffer: null }
  }
  const payload = signed?.payload ?? new Uint8Array()
  return { ...resumed, buffer: { accumulated: stored.buffer, payload, accepted } }
}

const isClosed = async (chain: ChainStore, round: number): Promise<boolean> => {
  const newest = await chain.blockAt(chain.head().height)
  if (newest === undefined) return false
  const { header, body } = newest
  return header.round > round || (header.round === round && body.attests.length > 0)
}
