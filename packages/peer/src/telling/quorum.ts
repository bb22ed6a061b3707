/**
 * Whether those who still vote are enough. Where the open slot has no certificate long after it timed out, whoever
 * votes has voted in it, so the ballots tell who is silent. With a third of the stake silent nothing becomes final
 * until it returns, and who runs a peer must hear so: what happened, who is missing, what to do.
 */
import type { Quorum } from '@gradmesh/api'
import { toHex } from '@gradmesh/core'
import { isQuorum } from '@gradmesh/wire'
import type { Driver } from '../round/driver.ts'
import type { Epoch } from '../round/epochs.ts'

/** After the open slot has timed out here: clocks and timeouts of others differ a little, votes come again. */
const PATIENCE_MS = 15_000
const NAMED_MAX = 8

export interface QuorumFacts {
  readonly epoch: Epoch
  readonly driver: Pick<Driver, 'openSlot'> | undefined
  readonly nowMs: number
  readonly sinceFinalMs: number
  readonly labelOf: (key: string) => string | null
}

/** Null while enough are heard, or while it is too early to say. */
export const lostQuorum = ({ epoch, driver, nowMs, sinceFinalMs, labelOf }: QuorumFacts): Quorum | null => {
  const open = driver?.openSlot
  if (open === undefined || open.epoch !== epoch.number || nowMs < open.deadlineMs + PATIENCE_MS) return null
  const silent = epoch.seats.filter((_, index) => !open.voters.has(index) && index !== epoch.self)
  const missingStake = silent.reduce((sum, { stake }) => sum + stake, 0n)
  if (isQuorum(epoch.totalStake - missingStake, epoch.totalStake)) return null
  const missing = silent.map(({ key, stake }) => ({
    key: toHex(key),
    label: labelOf(toHex(key)),
    stake: String(stake),
    share: shareOf(stake, epoch.totalStake)
  }))
  const share = shareOf(missingStake, epoch.totalStake)
  const stuckSeconds = Math.round(sinceFinalMs / 1000)
  return {
    stuckSeconds,
    share,
    missing,
    detail: `No block has become final for ${stuckSeconds} s: validators with ${percent(share)} of the stake are silent (${named(missing)}), and a third of it is enough to stop the mesh. Nothing is lost.`,
    remedy:
      'If they can return, wait: the mesh goes on by itself. If others still hear them, look at the network of this peer. If they are gone for good, the operators of those who are left agree on `gradmesh recover`.'
  }
}

const shareOf = (part: bigint, whole: bigint): number => Number((part * 10_000n) / whole) / 10_000

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`

const named = (missing: Quorum['missing']): string => {
  const names = missing
    .slice(0, NAMED_MAX)
    .map(({ key, label, share }) => `${label || key.slice(0, 12)} with ${percent(share)}`)
  return missing.length > NAMED_MAX
    ? `${names.join(', ')} and ${missing.length - NAMED_MAX} more`
    : names.join(', ')
}
