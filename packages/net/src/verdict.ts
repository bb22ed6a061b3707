/**
 * From a message to a verdict, the same in both adapters: who is out is not read, too long a message is
 * rejected unread, a handler that throws or takes too long is an own fault and costs the sender nothing.
 */
import type { Clock, Logger, Metrics } from '@gradmesh/core'
import type { TopicEntry } from './registry.ts'
import type { Strikes } from './strikes.ts'
import type { Tally } from './tally.ts'
import type { PeerKey, Verdict } from './types.ts'

/** A handler that has not answered by then counts as `ignore`; the sender's next message is read. */
const VERDICT_MS_MAX = 5000

export interface Judge {
  readonly clock: Clock
  readonly strikes: Strikes
  readonly tally: Tally
  readonly logger: Logger
  readonly metrics: Metrics
}

export const judge = async (
  { clock, strikes, tally, logger, metrics }: Judge,
  topic: string,
  { maxBytes, handler }: TopicEntry,
  message: Uint8Array,
  from: PeerKey
): Promise<Verdict> => {
  if (strikes.isOut(from)) {
    metrics.count('net_gossip_unread_total', { topic })
    return 'ignore'
  }
  let verdict: Verdict = 'reject'
  if (message.length <= maxBytes) {
    tally.received(topic, message.length)
    verdict = await within(clock, VERDICT_MS_MAX, topic, logger, async () => handler(message, from))
  } else metrics.count('gradmesh_faults_total', { code: 'NET_MESSAGE_TOO_LONG' })
  metrics.count('net_gossip_messages_total', { topic, verdict })
  metrics.count('net_gossip_bytes_total', { topic }, message.length)
  if (verdict === 'reject') strikes.add(from)
  return verdict
}

const within = (
  clock: Clock,
  timeMs: number,
  topic: string,
  logger: Logger,
  ask: () => Promise<Verdict>
): Promise<Verdict> =>
  new Promise(resolve => {
    const startMs = clock.nowMs()
    const timer = clock.after(timeMs, () => {
      // A timer that is far too late itself says that the whole process stood still: a closed lid is no fault.
      const isAsleep = clock.nowMs() - startMs > 2 * timeMs
      const tell = isAsleep ? logger.debug : logger.warn
      tell.call(logger, { topic, timeMs }, 'a gossip handler took too long; the message is dropped')
      resolve('ignore')
    })
    const answer = (verdict: Verdict): void => {
      timer.cancel()
      resolve(verdict)
    }
    ask().then(answer, error => {
      logger.error({ topic, error }, 'a gossip handler threw; the message is dropped')
      answer('ignore')
    })
  })
