import { keyPairFromSeed } from '@gradmesh/wire'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import t from 'tap'
import { peerAddress, peerIdOf } from '../src/peer-address.ts'

t.test('the peer id is the one that libp2p gives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async seed => {
      const theirs = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed)).toString()
      return peerIdOf(keyPairFromSeed(seed).publicKey) === theirs
    }),
    { numRuns: 30 }
  )
})

t.test('a multiaddr to dial', async t => {
  const { publicKey } = keyPairFromSeed(new Uint8Array(32))
  t.match(peerAddress('127.0.0.1', 4190, publicKey), /^\/ip4\/127\.0\.0\.1\/tcp\/4190\/p2p\/12D3KooW\w{44}$/)
})
