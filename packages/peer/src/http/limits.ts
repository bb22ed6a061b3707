/** Bounds of the HTTP server: no client, slow, greedy or hostile, can hold more than this. */
export interface HttpLimits {
  readonly connectionsMax: number
  readonly requestsPerConnectionMax: number
  /** Being answered at the same time, event streams apart. */
  readonly requestsMax: number
  readonly headerBytesMax: number
  readonly bodyBytesMax: number
  /** From the first byte of a request to the end of its headers, and of its body. */
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  /** A connection without a request, and one on which nothing moves. */
  readonly keepAliveTimeoutMs: number
  readonly idleTimeoutMs: number
  /** A connection on which a text is awaited. */
  readonly answerTimeoutMs: number
  /** `close` waits so long for answers on their way. */
  readonly closeGraceMs: number
  readonly eventClientsMax: number
  /** Remembered for resuming, of each type of event. */
  readonly eventsKeptMax: number
  /** A reader that is behind by more is cut off; it can resume. */
  readonly eventBacklogBytesMax: number
  readonly heartbeatMs: number
  /** Between status events, while anyone listens. */
  readonly statusMs: number
}

export const httpLimits: HttpLimits = {
  connectionsMax: 512,
  requestsPerConnectionMax: 1_000,
  requestsMax: 128,
  headerBytesMax: 16_384,
  bodyBytesMax: 65_536,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 5_000,
  idleTimeoutMs: 45_000,
  answerTimeoutMs: 600_000,
  closeGraceMs: 250,
  eventClientsMax: 64,
  eventsKeptMax: 1_024,
  eventBacklogBytesMax: 4 << 20,
  heartbeatMs: 15_000,
  statusMs: 1_000
}
