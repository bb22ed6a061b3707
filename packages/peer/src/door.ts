/** Gossip comes in here: bytes are offered to the part that knows them, and its answer becomes the verdict. */
import { type Fault, isFault } from '@gradmesh/core'
import type { GossipHandler } from '@gradmesh/net'
import type { Attesting } from './attesting.ts'
import type { Context } from './context.ts'
import type { DeltaPool, PooledDelta } from './delta-pool.ts'
import type { Driver } from './driver.ts'
import type { FaultCode } from './faults.ts'
import type { Ledger } from './ledger.ts'
import type { TransactionPool } from './transaction-pool.ts'

type Answer = Fault<FaultCode> | null

export interface DoorParts {
  readonly ledger: Ledger
  readonly pool: DeltaPool
  readonly driver: Driver
  readonly attesting: Attesting
  readonly transactions: TransactionPool
}

/** `parts` answers undefined while the peer is still starting: nothing can be judged then. */
export const openDoor = (context: Context, parts: () => DoorParts | undefined): void => {
  const { net, topics, faults } = context

  const through = (
    judge: (parts: DoorParts, bytes: Uint8Array, from: string) => Answer | Promise<Answer>
  ): GossipHandler => {
    return async (bytes, from) => {
      const ready = parts()
      if (ready === undefined) return 'ignore'
      const wrong = await judge(ready, bytes, from)
      if (wrong === null) return 'accept'
      const verdict = faults.count(wrong)
      if (verdict === 'reject') context.log.debug({ from, ...wrong }, 'rejected a message')
      return verdict
    }
  }

  net.subscribe(
    topics.votes.name,
    topics.votes,
    through(({ driver }, bytes) => driver.offerVote(bytes))
  )
  net.subscribe(
    topics.certificates.name,
    topics.certificates,
    through(({ driver }, bytes) => driver.offerCertificate(bytes))
  )
  net.subscribe(
    topics.blocks.name,
    topics.blocks,
    through(({ driver }, bytes) => driver.offerBlock(bytes))
  )
  net.subscribe(
    topics.attests.name,
    topics.attests,
    through(({ attesting }, bytes) => attesting.offer(bytes))
  )
  net.subscribe(
    topics.transactions.name,
    topics.transactions,
    through(({ transactions, ledger }, bytes) => transactions.offer(bytes, ledger.final))
  )
  net.subscribe(
    topics.deltas.name,
    topics.deltas,
    through(async ({ pool }, bytes) => faultIn(await pool.offer(bytes, 'gossip')))
  )
  net.subscribe(
    topics.announcements.name,
    topics.announcements,
    through(async ({ pool }, bytes, from) => faultIn(await pool.offerHeader(bytes, from)))
  )
}

const faultIn = (answer: PooledDelta | Fault<FaultCode>): Answer => (isFault(answer) ? answer : null)
