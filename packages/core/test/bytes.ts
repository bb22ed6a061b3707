import fc from 'fast-check'
import t from 'tap'
import { compareBytes, concatBytes, equalBytes, fromHex, toHex, u32, u64, utf8 } from '../src/index.ts'

const bytes = fc.uint8Array({ maxLength: 64 })

t.test('hexadecimal text and bytes are two forms of one value', async t => {
  fc.assert(fc.property(bytes, value => equalBytes(fromHex(toHex(value))!, value)))
  t.equal(toHex(Uint8Array.of(0, 1, 171, 255)), '0001abff')
  for (const text of ['0', 'AB', '0g', ' 00', '0x00']) t.equal(fromHex(text), undefined, JSON.stringify(text))
})

t.test('order is lexicographic and agrees with equality', async t => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const forward = Math.sign(compareBytes(a, b))
      const byBuffer = Buffer.compare(a, b)
      return forward === byBuffer && equalBytes(a, b) === (byBuffer === 0)
    })
  )
  t.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0, 'a prefix comes first')
})

t.test('integers are little-endian', async t => {
  t.strictSame(u32(0x01020304), Uint8Array.of(4, 3, 2, 1))
  t.strictSame(u64(1n << 40n), Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0))
  t.strictSame(concatBytes(utf8('é'), new Uint8Array(), Uint8Array.of(7)), Uint8Array.of(0xc3, 0xa9, 7))
})
