import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { dialable } from '../src/libp2p/own-addresses.ts'

const SELF = '12D3KooWSfMx5BpXVMrzyfMGHVLQe6UWNWX13ZBPLDmVoAKZ4oun'
const RELAY = '12D3KooWBXu3uGPMkjjxViK6autSnFH5QaKJgTwW8CaSxYSD6yYL'

t.test(
  'the most promising address comes first; what nobody confirmed and no interface has is left out',
  async t => {
    const own = (
      address: string,
      type: 'transport' | 'observed' | 'announce' | 'ip-mapping',
      verified = true
    ) => ({
      multiaddr: multiaddr(address),
      type,
      verified,
      expires: 0
    })
    const addressManager = {
      getAddressesWithMetadata: () => [
        own('/ip4/127.0.0.1/tcp/1', 'transport'),
        own('/ip4/192.168.0.2/tcp/1', 'transport'),
        own('/ip4/8.8.4.4/tcp/1', 'transport', false),
        own('/ip4/9.9.9.9/tcp/7', 'ip-mapping', false),
        own(`/ip4/1.1.1.1/tcp/1/p2p/${RELAY}/p2p-circuit`, 'observed'),
        own('/ip4/8.8.8.8/tcp/1', 'transport'),
        own('/ip4/8.8.8.8/tcp/1', 'observed'),
        own('/dns4/example.org/tcp/1', 'announce')
      ]
    }
    t.strictSame(dialable(addressManager, peerIdFromString(SELF)).map(String), [
      `/dns4/example.org/tcp/1/p2p/${SELF}`,
      `/ip4/8.8.8.8/tcp/1/p2p/${SELF}`,
      `/ip4/1.1.1.1/tcp/1/p2p/${RELAY}/p2p-circuit/p2p/${SELF}`,
      `/ip4/8.8.4.4/tcp/1/p2p/${SELF}`,
      `/ip4/192.168.0.2/tcp/1/p2p/${SELF}`,
      `/ip4/127.0.0.1/tcp/1/p2p/${SELF}`
    ])
  }
)
