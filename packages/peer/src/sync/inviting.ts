/** Which of its addresses a peer puts into a ticket. */
import { type Reach, reachOf, widest } from '@gradmesh/net'
import { BOUNDS } from '@gradmesh/wire'

export interface InvitingAddresses {
  readonly addresses: readonly string[]
  /** From how far away the ticket can be used; null when it names no address. */
  readonly reach: Reach | null
}

/** As ordered, the best first. Those of this machine are left out where there are others: elsewhere they mislead. */
export const invitingAddresses = (own: readonly string[]): InvitingAddresses => {
  const fit = own.filter(address => address.length <= BOUNDS.ticketAddressBytesMax)
  const reach = widest(fit.map(reachOf))
  const addresses = fit
    .filter(address => reach === 'host' || reachOf(address) !== 'host')
    .slice(0, BOUNDS.ticketAddressesMax)
  return { addresses, reach }
}
