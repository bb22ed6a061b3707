/**
 * From here on the mesh reaches this peer: requests are answered, gossip comes in by its door, and who connects is
 * greeted. What can't be judged before the parts stand is ignored.
 */
import type { PeerKey, Reachability } from '@gradmesh/net'
import type { Hello } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { openDoor } from '../door.ts'
import { greet } from '../sync/greeting.ts'
import { serveRequests } from '../sync/serving.ts'
import type { Labels } from '../telling/labels.ts'
import type { Reporting } from '../telling/reporting.ts'
import type { Parts } from './assembling.ts'

export interface GoingOnlineInit {
  /** What it greets with. */
  readonly agent: string
  readonly labels: Labels
  readonly reporting: Reporting
  /** Undefined while the peer starts. */
  readonly parts: () => Parts | undefined
  readonly onReachability: (reachability: Reachability) => void
}

/** Subscribes to everything and listens. Returns how a connected peer is greeted. */
export const goOnline = async (
  context: Context,
  { agent, labels, reporting, parts, onReachability }: GoingOnlineInit
): Promise<(peer: PeerKey) => void> => {
  const { net, company, log } = context
  const onHello = ({ agent, height }: Hello, from: PeerKey): void => {
    labels.heard(from, agent)
    parts()?.syncing.heard(from, height)
    company.tell()
  }
  const meet = (peer: PeerKey): void => {
    const address = net.peers().find(({ key }) => key === peer)?.address ?? null
    reporting.connected(peer, address)
    company.tell()
    if (parts() === undefined) return
    void greet(context, peer, agent).then(hello => {
      if (hello !== undefined) onHello(hello, peer)
    })
    // It may lead the open slot, and what was said before it came is what its block is made of.
    parts()?.attesting.repeat()
  }
  serveRequests(
    context,
    {
      ledger: () => parts()?.ledger,
      driver: () => parts()?.driver,
      pool: () => parts()?.pool,
      onHello
    },
    agent
  )
  openDoor(context, parts)
  net.onConnect(meet)
  net.onDisconnect(peer => {
    reporting.disconnected(peer)
    company.tell()
    parts()?.syncing.forget(peer)
    parts()?.pool.forget(peer)
    parts()?.attesting.consider()
  })
  net.onReachability(reachability => {
    log.info({ ...reachability, told: true }, 'whether others can call this peer')
    onReachability(reachability)
  })
  await net.start()
  return meet
}
