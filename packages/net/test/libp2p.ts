import { silentLogger, silentMetrics } from '@gradmesh/core'
import t from 'tap'
import { netContract } from '../src/contract.ts'
import { createLibp2pNet } from '../src/libp2p.ts'

t.test('the contract', async t => {
  netContract(t, () => ({
    make: n =>
      createLibp2pNet({
        secretKey: new Uint8Array(32).fill(n),
        listen: ['/ip4/127.0.0.1/tcp/0'],
        bootstrap: [],
        mdns: false,
        chainTag: 'contract',
        logger: silentLogger,
        metrics: silentMetrics,
        peerExchange: false
      })
  }))
})
