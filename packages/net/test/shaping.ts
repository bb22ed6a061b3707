import { MeshError } from '@gradmesh/core'
import t, { type Test } from 'tap'
import { localNet } from './fixtures/local.ts'

const PROTOCOL = '/test/pull'
const KiB = 1024
const TRIES = 3

/** Pulls pieces for a while and answers the bytes per second that the asker's sockets read. */
const pulled = async (
  t: Test,
  n: number,
  caps: { readonly server?: number; readonly asker?: number },
  spanMs: number
): Promise<number> => {
  const server = await localNet(t, n, { bandwidth: { upload: caps.server ?? null, download: null } })
  const asker = await localNet(t, n + 1, { bandwidth: { upload: null, download: caps.asker ?? null } })
  const piece = new Uint8Array(32 * KiB).fill(7)
  for (const net of [server, asker]) {
    net.handle(PROTOCOL, 16, async () => piece)
    await net.start()
  }
  const peer = await asker.dial(server.addresses()[0]!)
  const ask = () =>
    asker.request(peer, PROTOCOL, new Uint8Array(1), { timeoutMs: 20_000, maxReplyBytes: piece.length })
  await ask()
  const start = performance.now()
  const before = asker.traffic().bytesReceived
  const puller = async (): Promise<void> => {
    while (performance.now() - start < spanMs)
      if ((await ask())[0] !== 7) throw new MeshError('TEST', 'other bytes')
  }
  await Promise.all([puller(), puller(), puller()])
  return (asker.traffic().bytesReceived - before) / ((performance.now() - start) / 1000)
}

/** What else the machine does only makes a pull slower: no try goes above the cap, the fastest uses it. */
const holds = async (t: Test, cap: number, pull: (n: number) => Promise<number>): Promise<void> => {
  let fastest = 0
  for (let n = 0; n < TRIES && fastest < 0.85 * cap; n++) {
    const measured = await pull(2 * n)
    t.comment(`cap ${cap} B/s: measured ${Math.round(measured)} B/s`)
    t.ok(measured <= 1.1 * cap, `${Math.round(measured)} is at most a tenth above ${cap}`)
    fastest = Math.max(fastest, measured)
  }
  t.ok(fastest >= 0.85 * cap, `${Math.round(fastest)} uses what ${cap} allows`)
}

t.test('a cap on upload holds over all requests together', t =>
  holds(t, 256 * KiB, n => pulled(t, 101 + n, { server: 256 * KiB }, 3000))
)

t.test('a cap on download holds, and the sender waits', t =>
  holds(t, 256 * KiB, n => pulled(t, 111 + n, { asker: 256 * KiB }, 3000))
)

t.test('without caps the same pull is far faster', async t => {
  const measured = await pulled(t, 121, {}, 500)
  t.ok(measured > 4 * 256 * KiB, `${Math.round(measured)} B/s`)
})
