/** Limits that both adapters keep. */

/** Requests under way with one peer, each way. */
export const REQUESTS_MAX = 32

/** After `hangUp` the peer is neither called nor let in for this time, unless we dial it. */
export const HANG_UP_QUIET_MS = 30_000
