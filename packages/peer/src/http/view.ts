/**
 * What the daemon shows to the HTTP server: everything it answers with comes through here, and
 * nothing but signed transactions goes back. Answers are the reply types of `@gradmesh/api`; `null` where a thing is unknown.
 */
import type {
  Block,
  Blocks,
  FinalState,
  MeshEvent,
  Peers,
  Receipt,
  Stakes,
  Status,
  Submitted,
  Ticket
} from '@gradmesh/api'
import type { Fault } from '@gradmesh/core'
import type { Ability, Embedded, GenerateAsk, TextPiece } from '@gradmesh/train'

export type Answer<T> = T | Promise<T>

/** Healthy: blocks become final, or the run has finished. The reason is a sentence for an operator. */
export interface HealthReport {
  readonly healthy: boolean
  readonly reason: string
}

/** The model of the newest final weights. All throw MeshError `INFERENCE_…`. */
export interface AskedModel {
  readonly final: FinalState
  abilities(): Promise<readonly Ability[]>
  /** `gone`: nobody wants the text any more. */
  generate(ask: GenerateAsk, gone: AbortSignal): Promise<AskedText>
  embed(texts: readonly (string | readonly number[])[], gone: AbortSignal): Promise<AskedVectors>
}

export interface AskedText {
  readonly state: FinalState
  readonly promptTokens: number
  next(): Promise<{ readonly piece: TextPiece } | { readonly finish: 'stop' | 'length' }>
  /** Must be called, sooner or later: the next in line waits for it. */
  end(): Promise<void>
}

export interface AskedVectors {
  readonly state: FinalState
  readonly vectors: readonly Embedded[]
}

export interface PeerView {
  /** Cheap: asked about once a second while anyone watches. */
  status(): Status
  peers(): Answer<Peers>
  /** At most `limit` final blocks from height `from` (the head when null) downwards. */
  blocks(from: number | null, limit: number): Answer<Blocks>
  block(height: number): Answer<Block | null>
  stakes(): Answer<Stakes>
  /** `digest`: 64 lower-case hexadecimal digits. */
  delta(digest: string): Answer<Receipt | null>
  /** The fault of a transaction that no block would take; null while the peer starts. */
  submit(transaction: Uint8Array): Answer<Submitted | Fault | null>
  /** Null while the peer starts. */
  model(): AskedModel | null
  /** Null while the peer starts. */
  ticket(): Answer<Ticket | null>
  /** Tells what happens until the returned function is called. Listeners return at once and never throw. */
  subscribe(listener: (event: MeshEvent) => void): () => void
  healthy(): HealthReport
}
