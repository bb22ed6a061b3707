import t from 'tap'
import { invitingAddresses } from '../../src/sync/inviting.ts'
import { withRelays } from '../../src/sync/joining.ts'

const [host, site, world] = ['/ip4/127.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1', '/ip4/8.8.8.8/tcp/1'] as const
const relayed = '/ip4/1.1.1.1/tcp/1/p2p/RELAY/p2p-circuit/p2p/SELF'

t.test('a ticket names what others can call, and how far that reaches', async t => {
  t.strictSame(invitingAddresses([world, site, host]), { addresses: [world, site], reach: 'world' })
  t.strictSame(invitingAddresses([relayed, site, host]), { addresses: [relayed, site], reach: 'world' })
  t.strictSame(invitingAddresses([site, host]), { addresses: [site], reach: 'site' })
  t.strictSame(invitingAddresses([host]), { addresses: [host], reach: 'host' })
  t.strictSame(invitingAddresses([]), { addresses: [], reach: null })
  const long = `${world}/${'x'.repeat(300)}`
  t.strictSame(invitingAddresses([long]), { addresses: [], reach: null }, 'longer than a ticket carries')
})

t.test('whoever joins by a relayed address asks the relay first', async t => {
  t.strictSame(withRelays([world, relayed, relayed]), [world, '/ip4/1.1.1.1/tcp/1/p2p/RELAY', relayed])
  t.strictSame(withRelays([site]), [site])
})
