/**
 * Gossip comes in here: bytes are offered to the part that knows them, and its answer becomes the verdict. What is
 * ignored costs its bringer nothing until it exceeds the topic's budget; from there on each such message is
 * rejected, and ten rejections put a peer out. Nothing is left unread before: a message that we do not read is lost
 * to us, whoever else has it.
 */
import { type Fault, isFault } from '@gradmesh/core'
import type { GossipHandler } from '@gradmesh/net'
import { Budget } from './budget.ts'
import type { Context } from './context.ts'
import { type FaultCode, peerFault } from './faults.ts'
import type { Attesting } from './round/attesting.ts'
import type { DeltaPool, PooledDelta } from './round/delta-pool.ts'
import type { Driver } from './round/driver.ts'
import type { TransactionPool } from './round/transaction-pool.ts'
import type { Ledger } from './state/ledger.ts'
import type { Topics } from './topics.ts'

/** `pulling`: it may be good, and goes on from here once that is known. */
type Answer = Fault<FaultCode> | 'pulling' | null

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
    topic: keyof Topics,
    judge: (parts: DoorParts, bytes: Uint8Array, from: string) => Answer | Promise<Answer>
  ): GossipHandler => {
    const spent = new Budget(context.clock, topics[topic].budget)
    return async (bytes, from) => {
      const ready = parts()
      if (ready === undefined) return 'ignore'
      const wrong = await judge(ready, bytes, from)
      if (wrong === null) return 'accept'
      // Paid for all the same: what is announced in vain costs us requests.
      const verdict = wrong === 'pulling' ? 'ignore' : faults.count(wrong)
      const flooded = verdict === 'ignore' && spent.take(from, 1) > 0
      if (flooded) faults.count(peerFault('GOSSIP_FLOOD', topic))
      else if (verdict !== 'reject') return verdict
      context.log.debug({ from, flooded, ...(isFault(wrong) ? wrong : {}) }, 'rejected a message')
      return 'reject'
    }
  }

  net.subscribe(
    topics.votes.name,
    topics.votes,
    through('votes', ({ driver }, bytes) => driver.admitting.offerVote(bytes))
  )
  net.subscribe(
    topics.certificates.name,
    topics.certificates,
    through('certificates', ({ driver }, bytes) => driver.admitting.offerCertificate(bytes))
  )
  net.subscribe(
    topics.blocks.name,
    topics.blocks,
    through('blocks', ({ driver }, bytes) => driver.admitting.offerBlock(bytes))
  )
  net.subscribe(
    topics.attests.name,
    topics.attests,
    through('attests', ({ attesting }, bytes) => attesting.offer(bytes))
  )
  net.subscribe(
    topics.transactions.name,
    topics.transactions,
    through('transactions', ({ transactions, ledger }, bytes, from) =>
      transactions.offer(bytes, ledger.final, from)
    )
  )
  net.subscribe(
    topics.deltas.name,
    topics.deltas,
    through('deltas', async ({ pool }, bytes) => faultIn(await pool.offer(bytes, 'gossip')))
  )
  net.subscribe(
    topics.announcements.name,
    topics.announcements,
    through('announcements', ({ pool }, bytes, from) => pool.announced(bytes, from))
  )
}

const faultIn = (answer: PooledDelta | Fault<FaultCode>): Answer => (isFault(answer) ? answer : null)
