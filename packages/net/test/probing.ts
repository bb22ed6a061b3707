import { concatBytes, utf8 } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import { addressAt, decodePorts, decodeProbeReply, encodePorts } from '../src/libp2p/probing.ts'

t.test('ports there and back; hostile bytes are told', async t => {
  const port = fc.integer({ min: 1, max: 65_535 }).map(String)
  fc.assert(
    fc.property(fc.array(port, { maxLength: 4 }), ports => {
      t.strictSame(decodePorts(encodePorts(ports)), ports)
    })
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), bytes => {
      const ports = decodePorts(bytes)
      return ports === undefined || Buffer.compare(encodePorts(ports), bytes) === 0
    })
  )
  t.strictSame([decodePorts(new Uint8Array()), decodePorts(Uint8Array.of(1, 0, 0))], [undefined, undefined])
  t.equal(decodePorts(Uint8Array.of(5, ...new Uint8Array(10).fill(1))), undefined, 'five are too many')
})

t.test('the answer names an address and the ports that worked', async t => {
  const reply = (marks: number[], text: string) => concatBytes(Uint8Array.from(marks), utf8(text))
  t.strictSame(decodeProbeReply(reply([1, 0], '192.0.2.7'), ['1', '2']), { ip: '192.0.2.7', ports: ['1'] })
  t.strictSame(decodeProbeReply(reply([1], '2001:db8::1'), ['1']), { ip: '2001:db8::1', ports: ['1'] })
  for (const bad of [new Uint8Array(), reply([2], '192.0.2.7'), reply([1], 'example.org'), reply([1], '')])
    t.equal(decodeProbeReply(bad, ['1']), undefined)
  t.equal(addressAt('192.0.2.7', '4190').toString(), '/ip4/192.0.2.7/tcp/4190')
  t.equal(addressAt('2001:db8::1', '4190').toString(), '/ip6/2001:db8::1/tcp/4190')
})
