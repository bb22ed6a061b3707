/** Tickets: what a peer hands out so that others find its mesh, and know it when they have found it. */
import type { Ticket } from '@gradmesh/api'
import { type Reach, reachOf, widest } from '@gradmesh/net'
import { BOUNDS, blockIdOf, encodeTicket, PROTOCOL_VERSION } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import type { FinalPoint } from '../state/ledger.ts'

const TICKET_SECONDS = 12 * 3600

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

/** Vouches for the newest final block, and for who may vote after it. */
export const ticketOf = ({ net, clock, chainId, epochs }: Context, final: FinalPoint): Ticket => {
  const { addresses, reach } = invitingAddresses(net.addresses())
  const expiresAt = Math.floor(clock.wallMs() / 1000) + TICKET_SECONDS
  const ticket = encodeTicket({
    protocol: PROTOCOL_VERSION,
    chainId,
    addresses,
    height: final.height,
    blockId: final.header === null ? chainId : blockIdOf(final.header),
    validatorSetHash: epochs.running.setHash,
    expiresAt
  })
  return { ticket, addresses: [...addresses], reach, expiresAt }
}
