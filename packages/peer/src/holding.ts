/**
 * What a running peer keeps in memory because of what others send, counted in entries, beside the most that its
 * rules allow. Everything that grows with messages is in this account: a list or map that is not bounded by the
 * number of registered trainers, of seats, of connections or of slots that a quorum has passed has a limit of its own.
 */
export interface Held {
  readonly what: string
  readonly entries: number
  readonly max: number
}

/** What the limits depend on. */
export interface Extent {
  readonly trainers: number
  readonly seats: number
  readonly connections: number
  /** Slots above the final one that a block or vote may be of. */
  readonly slots: number
  readonly liveBlocks: number
}
