import fc from 'fast-check'
import t from 'tap'
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  putU16,
  putU32,
  putU64,
  toHex,
  toLatin1,
  u16At,
  u32,
  u32At,
  u64,
  u64At,
  utf8
} from '../src/index.ts'

const bytes = fc.uint8Array({ maxLength: 300 })

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

t.test('numbers in the midst of bytes are what a little-endian view says', async t => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(9), (value, at) => {
      const bytes = new Uint8Array(20).fill(0xa5)
      const same = bytes.slice()
      const view = new DataView(same.buffer)
      const word = Number(value & 0xffff_ffffn)
      putU64(bytes, at, value)
      view.setBigUint64(at, value, true)
      putU32(bytes, at + 3, word)
      view.setUint32(at + 3, word, true)
      putU16(bytes, at + 5, word & 0xffff)
      view.setUint16(at + 5, word & 0xffff, true)
      t.strictSame(bytes, same)
      t.equal(u64At(bytes, at), view.getBigUint64(at, true))
      t.equal(u32At(bytes, at), view.getUint32(at, true))
      t.equal(u16At(bytes, at), view.getUint16(at, true))
    })
  )
})

t.test('Latin-1 keys sort as their bytes do, few or many', async t => {
  const sign = (n: number): number => Math.sign(n)
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const [one, other] = [toLatin1(a), toLatin1(b)]
      t.equal(one.length, a.length)
      t.equal(one < other ? -1 : one > other ? 1 : 0, sign(compareBytes(a, b)))
    })
  )
})
