/** What the ledger of one peer holds, and what each write promises. */
import type { Block, Certificate, Digest, SignedDelta, SignedDeltaHeader } from '@gradmesh/wire'
import type { DiskKind } from './disk-use.ts'
import type { Live } from './live.ts'
import type { Checkpoint, DeltaPlace, ErrorFeedback, Head, LostError, Receipt } from './values.ts'

export interface ChainStore {
  readonly chainId: Digest
  readonly genesisBytes: Uint8Array
  /** The newest final block; at the start height 0 and the chain's id. */
  head(): Head
  /** The lowest height whose successors are held: 0, or where a checkpoint was adopted. */
  base(): Head

  block(id: Digest): Promise<Block | undefined>
  /** A final block. */
  blockAt(height: number): Promise<Block | undefined>
  idAt(height: number): Promise<Digest | undefined>
  /** The FINAL certificate of the block at `height`, or of its nearest descendant that has one. */
  finalCertificateFor(height: number): Promise<Certificate | undefined>

  /** Held and durable when it resolves: a validator may attest these. Deltas held already cost nothing. */
  putDeltas(deltas: readonly SignedDelta[]): Promise<void>
  delta(digest: Digest): Promise<SignedDelta | undefined>
  /** As encoded by `wire`, to serve in pieces. */
  deltaBytes(digest: Digest): Promise<Uint8Array | undefined>
  /** Whether a delta is held, its round, and the height of the final block that names it. */
  deltaPlace(digest: Digest): Promise<DeltaPlace | undefined>
  /** Headers of the deltas held for a round. */
  headersOf(round: number): Promise<SignedDeltaHeader[]>
  /**
   * Drops the deltas of earlier rounds that no final and no live block names. Answers how many.
   * @param fromRound where the last pruning ended, so that its rounds are not looked through again.
   */
  pruneDeltas(belowRound: number, fromRound?: number): Promise<number>

  /** Block and named payloads, durable when it resolves: NOTAR may follow. */
  putProposal(block: Block, deltas: readonly SignedDelta[]): Promise<void>
  /** A live certificate, durable when it resolves: a vote, which is kept elsewhere, may rest on it. */
  putCertificate(certificate: Certificate): Promise<void>
  /** What is not final yet, by slot. */
  live(): Promise<Live>
  pruneLive(belowSlot: number): Promise<void>

  /**
   * Makes blocks final at once: they follow the head and each other, the certificate is the FINAL of the
   * last (null for an epoch's boundary that a live descendant's certificate made final), and all payloads that they name are held. Code STORE_SEQUENCE otherwise, and nothing is written.
   */
  commitFinal(
    blocks: readonly Block[],
    certificate: Certificate | null,
    receipts: readonly Receipt[]
  ): Promise<void>
  receipt(digest: Digest): Promise<Receipt | undefined>
  /**
   * Goes on from a block above the head whose checkpoint was verified and whose leaves `putLeaves` has all taken:
   * head, base and checkpoint move there at once. What lies below is left to `prune`. The certificate comes with
   * its successor.
   */
  adopt(block: Block, checkpoint: Checkpoint): Promise<void>
  /**
   * Forgets the final blocks below `height` with their payloads, certificates and receipts but those that `isKept`
   * names. First the base moves there, durably; a crash in between leaves what the next call takes away.
   */
  prune(height: number, isKept: (receipt: Receipt) => boolean): Promise<void>

  /** `pieces`: the bytes of the leaves in order. Visible once whole and durable; the newest two stay. */
  putCheckpoint(
    checkpoint: Checkpoint,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  ): Promise<void>
  newestCheckpoint(): Promise<Checkpoint | undefined>
  /** Of the checkpoints that are held, the newest first. */
  checkpointHeights(): Promise<number[]>
  checkpointAt(height: number): Promise<Checkpoint | undefined>
  /**
   * A run of a checkpoint's leaves, at the begin of `into` where that is given; undefined unless the checkpoint has them.
   * Each is held against its digest the first time that it is read, and again once another checkpoint was.
   */
  leaves(height: number, first: number, count: number, into?: Uint8Array): Promise<Uint8Array | undefined>
  /**
   * Leaves of a checkpoint that is being fetched, where they lie among all of them: from byte `at` on. Durable once
   * `syncLeaves` has followed; nobody sees them before `adopt`.
   */
  putLeaves(height: number, at: number, bytes: Uint8Array): Promise<void>
  syncLeaves(height: number): Promise<void>
  /**
   * What an interrupted fetch has left there, which may be anything: whoever goes on checks it. Fewer bytes where the
   * file ends, undefined where it ends before.
   */
  heldLeaves(height: number, at: number, length: number): Promise<Uint8Array | undefined>

  /**
   * Replaces the buffer at once and durably, and with it comes the own delta whose verdict it waits for: either
   * both are held after a crash or neither is, so that no round is trained a second time into another delta.
   */
  putError(round: number, buffer: Int32Array, pending: SignedDelta | null): Promise<void>
  /** Its file takes most of the writes and is worth least: damage there is told, not thrown. */
  error(): Promise<ErrorFeedback | LostError | undefined>

  /** About how many bytes of the disk each kind takes. */
  sizes(): Promise<Readonly<Record<DiskKind, number>>>
  /** Small values of the daemon's own. */
  putMeta(name: string, value: Uint8Array): Promise<void>
  meta(name: string): Promise<Uint8Array | undefined>
  close(): Promise<void>
}
