/**
 * What the mesh asks of a peer's line each round. Everybody publishes a delta to every neighbour, and
 * passes on each of the others' to all but the one that it came from; what comes in is as much.
 */
import type { Caps } from './caps.ts'

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
