/** The small formats against vectors and against hostile bytes. */
import { utf8 } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import { crc32c, unmask } from '../../src/leveldb/crc32c.ts'
import { scanLog } from '../../src/leveldb/scan-log.ts'
import { versionOf } from '../../src/leveldb/scan-manifest.ts'
import { scanTable } from '../../src/leveldb/scan-table.ts'
import { unsnappy } from '../../src/leveldb/snappy.ts'
import { readVarint } from '../../src/leveldb/varint.ts'

t.test('CRC-32C: RFC 3720 B.4 and the check value of its catalogue', async t => {
  t.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  t.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
  t.equal(crc32c(utf8('123456789')), 0xe3069283)
  const crc = crc32c(utf8('foo'))
  t.equal(unmask((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0), crc)
})

t.test('Snappy: literals, short and long copies, overlap', async t => {
  const text = (input: number[]): string | undefined => {
    const output = unsnappy(Uint8Array.from(input))
    return output === undefined ? undefined : new TextDecoder().decode(output)
  }
  t.equal(text([0]), '')
  t.equal(text([3, 2 << 2, 97, 98, 99]), 'abc')
  t.equal(text([3, 60 << 2, 2, 97, 98, 99]), 'abc', 'a length in a byte of its own')
  t.equal(text([9, 2 << 2, 97, 98, 99, (2 << 2) | 1, 3]), 'abcabcabc', 'one-byte offset, overlapping')
  t.equal(text([9, 2 << 2, 97, 98, 99, (5 << 2) | 2, 3, 0]), 'abcabcabc', 'two-byte offset')
  t.equal(text([9, 2 << 2, 97, 98, 99, (5 << 2) | 3, 3, 0, 0, 0]), 'abcabcabc', 'four-byte offset')
  t.equal(text([4, 2 << 2, 97, 98, 99]), undefined, 'too short')
  t.equal(text([9, 2 << 2, 97, 98, 99, (5 << 2) | 2, 4, 0]), undefined, 'offset before the start')
  t.equal(text([9, 2 << 2, 97, 98, 99, (5 << 2) | 2, 0, 0]), undefined, 'offset 0')
  t.equal(text([9, 2 << 2, 97]), undefined, 'literal over the end')
})

t.test('varints', async t => {
  t.strictSame(readVarint(Uint8Array.of(0xac, 0x02), 0), { value: 300, next: 2 })
  t.equal(readVarint(Uint8Array.of(0x80), 0), undefined)
  t.equal(readVarint(new Uint8Array(11).fill(0xff), 0), undefined)
})

t.test('any bytes are an answer, not an exception', async t => {
  const bytes = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(bytes, input => {
      unsnappy(input)
      scanLog(input)
      versionOf([input])
      return scanTable(input) !== null
    }),
    { numRuns: 2000 }
  )
  t.pass('2000 inputs')
})
