/**
 * What the mesh asks of a peer's line each round. Everybody publishes a delta to every neighbour, and
 * passes on each of the others' to all but the one that it came from; what comes in is as much.
 */
import { payloadBytesMax } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import { BOUNDS, SIGNED_DELTA_HEADER_BYTES } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { type Caps, noCaps } from './caps.ts'

/** Gossip's mesh keeps about so many neighbours (`D` in net's README). */
const NEIGHBOURS_MAX = 8
/** Attestation, votes, a share of blocks and certificates: what one peer publishes beside its delta. */
const CONSENSUS_BYTES = 600

export interface MeshSize {
  /** One signed delta. */
  readonly deltaBytes: number
  /** Trainers, at most those that one block names. */
  readonly trainers: number
}

/** Each way. */
export const bytesPerRound = ({ deltaBytes, trainers }: MeshSize): number => {
  const neighbours = Math.max(1, Math.min(NEIGHBOURS_MAX, trainers - 1))
  const copies = neighbours + Math.max(0, trainers - 1) * (neighbours - 1)
  return copies * (deltaBytes + CONSENSUS_BYTES)
}

export interface TightCap {
  readonly cap: 'max-upload' | 'max-download'
  readonly bytesPerRound: number
  /** What the cap lets through while a round may last. */
  readonly allowedBytes: number
  /** Bytes a second with which a round fits. */
  readonly suggested: number
}

/** Caps with which a round's bytes don't fit into the time that a round may last. */
export const tightCaps = (
  { uploadBytesPerSecond, downloadBytesPerSecond }: Caps,
  size: MeshSize,
  roundMs: number
): TightCap[] => {
  const needed = bytesPerRound(size)
  const judged = [
    ['max-upload', uploadBytesPerSecond],
    ['max-download', downloadBytesPerSecond]
  ] as const
  return judged.flatMap(([cap, perSecond]) => {
    if (perSecond === null) return []
    const allowedBytes = Math.floor((perSecond * roundMs) / 1000)
    if (allowedBytes >= needed) return []
    return [{ cap, bytesPerRound: needed, allowedBytes, suggested: Math.ceil((needed * 1000) / roundMs) }]
  })
}

/** A cap that is too low for this mesh is the operator's to know, with figures, before it is felt. */
export const warnOfTightCaps = (
  { genesis, options, log }: Pick<Context, 'genesis' | 'options' | 'log'>,
  registered: number
): void => {
  const deltaBytes = SIGNED_DELTA_HEADER_BYTES + payloadBytesMax(layoutOf(genesis))
  const size = { deltaBytes, trainers: Math.min(registered, BOUNDS.deltasPerBlockMax) }
  for (const tight of tightCaps(options.caps ?? noCaps, size, genesis.timing.roundDeadlineMs))
    log.warn(
      { ...tight },
      'a cap on bandwidth is lower than a round of this mesh needs: deltas will come too late to count'
    )
}
