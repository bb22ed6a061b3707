/** Which of a peer's own addresses others should try, the most promising first. */
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { reachOf } from '../reach.ts'
import { isRelayed, peerIdIn } from './addresses.ts'
import type { RelayInside } from './relaying.ts'

interface Own {
  readonly multiaddr: Multiaddr
  readonly verified: boolean
  readonly type: string
}

/**
 * Announced addresses and those at which somebody called back, then those through relays, then what an
 * interface of this machine has (a public address that nobody has tried may be right all the same), then
 * those of the local network and of this machine.
 */
const rank = ({ multiaddr, verified, type }: Own): number => {
  const reach = reachOf(multiaddr.toString())
  if (reach === 'host') return 5
  if (reach === 'site') return 4
  if (isRelayed(multiaddr)) return 2
  if (!verified) return 3
  return type === 'announce' ? 0 : 1
}

export const dialable = (
  addressManager: Pick<RelayInside['addressManager'], 'getAddressesWithMetadata'>,
  self: PeerId
): Multiaddr[] => {
  const own = addressManager
    .getAddressesWithMetadata()
    .filter(({ verified, type }) => verified || type === 'transport')
    .sort((a, b) => rank(a) - rank(b))
    .map(({ multiaddr }) =>
      peerIdIn(multiaddr) === undefined ? multiaddr.encapsulate(`/p2p/${self.toString()}`) : multiaddr
    )
  return [...new Map(own.map(address => [address.toString(), address])).values()]
}
