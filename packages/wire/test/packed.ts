import { isDeepStrictEqual } from 'node:util'
import { concatBytes, sha256, u32 } from '@gradmesh/core'
import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import t from 'tap'
import { Refusal } from '../src/faults.ts'
import { digest } from '../src/fields.ts'
import { DigestList, type List, Packed } from '../src/packed.ts'
import { asBytes, asCbor, asCouple, asIndexed, asTriple, type Packing, packed } from '../src/packing.ts'
import { bytes, integer, list, nullable, type Shape, tuple } from '../src/shape.ts'

const MAX = 40
const short = fc.uint8Array({ maxLength: 5 }).map(array => Uint8Array.from(array))
const full = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(array => Uint8Array.from(array))
const i16 = fc.integer({ min: -32_768, max: 32_767 })

interface Form {
  // biome-ignore lint/suspicious/noExplicitAny: each form has items of its own
  readonly shape: Shape<any>
  readonly packing: Packing
  readonly item: fc.Arbitrary<unknown>
}

const forms: Readonly<Record<string, Form>> = {
  bytes: { shape: bytes(0, 5), packing: asBytes, item: short },
  cbor: { shape: integer(0, 1_000), packing: asCbor, item: fc.nat(1_000) },
  'index and digest': {
    shape: tuple<{ index: number; key: Uint8Array }>({
      index: integer(0, 65_535),
      key: digest
    }),
    packing: asIndexed,
    item: fc.record({ index: fc.nat(65_535), key: full }, { noNullPrototype: true })
  },
  'three integers': {
    shape: tuple<{ a: number; b: number; c: number }>({
      a: integer(-32_768, 32_767),
      b: integer(-32_768, 32_767),
      c: integer(-32_768, 32_767)
    }),
    packing: asTriple,
    item: fc.record({ a: i16, b: i16, c: i16 }, { noNullPrototype: true })
  },
  couple: {
    shape: tuple<{ first: Uint8Array; second: Uint8Array | null }>({
      first: bytes(0, 5),
      second: nullable(bytes(0, 5))
    }),
    packing: asCouple,
    item: fc.record({ first: short, second: fc.option(short) }, { noNullPrototype: true })
  }
}

for (const [name, { shape, packing, item }] of Object.entries(forms)) {
  t.test(`${name}: a packed list is the array that it was read from`, async () => {
    const packedShape = packed(shape, MAX, packing)
    fc.assert(
      fc.property(fc.array(item, { maxLength: MAX }), fc.nat(MAX), (items, at) => {
        const plain = list(shape, MAX).write(items)
        const read = packedShape.read(dagCbor.decode(dagCbor.encode(plain)), 'list') as List<unknown>
        return (
          isDeepStrictEqual([...read], items) &&
          read.length === items.length &&
          isDeepStrictEqual(read.at(at), items.at(at)) &&
          isDeepStrictEqual(read.at(-1), items.at(-1)) &&
          // Packed or not, it is written as the same plain value.
          [read, items].every(list =>
            isDeepStrictEqual(dagCbor.encode(packedShape.write(list)), dagCbor.encode(plain))
          )
        )
      }),
      { numRuns: 100 }
    )
  })
}

t.test('a packed list refuses what a list refuses', async t => {
  const shape = packed(digest, 2, asBytes)
  const codeOf = (value: unknown): unknown => {
    const read = shape.read(value, 'list')
    return read instanceof Refusal ? [read.code, read.detail.split(':')[0]] : read
  }
  t.strictSame(codeOf('none'), ['WIRE_SHAPE', 'list'])
  t.strictSame(codeOf(Array(3).fill(new Uint8Array(32))), ['WIRE_BOUNDS', 'list'])
  t.strictSame(codeOf([new Uint8Array(32), new Uint8Array(31)]), ['WIRE_BOUNDS', 'list[1]'])
  t.strictSame(codeOf([]), [])
})

t.test('it is asked as an array is', async t => {
  const parts = [3, 1, 2].map(length => new Uint8Array(length))
  const lengths = new Packed(concatBytes(...parts), Uint32Array.of(3, 4, 6), ({ length }) => length)
  t.strictSame([...lengths], [3, 1, 2])
  t.strictSame(
    lengths.map((length, i) => [length, i]),
    [
      [3, 0],
      [1, 1],
      [2, 2]
    ]
  )
  t.strictSame(
    lengths.filter((length, i) => length > 1 && i > 0),
    [2]
  )
  t.equal(
    lengths.find(length => length < 3),
    1
  )
  t.equal(
    lengths.find(length => length > 3),
    undefined
  )
  t.equal(
    lengths.reduce((sum, length) => sum + length, 10),
    16
  )
  t.ok(lengths.some((length, i) => length === 2 && i === 2))
  t.notOk(lengths.some(length => length > 3))
  t.ok(lengths.every(length => length > 0))
  t.notOk(lengths.every(length => length > 1))
  t.strictSame([lengths.at(-3), lengths.at(-4), lengths.at(3)], [3, undefined, undefined])
})

t.test('digests one after the other', async t => {
  const digests = Array.from({ length: 5 }, (_, i) => sha256(u32(i)))
  const all = DigestList.from(digests)
  t.strictSame(all.bytes, concatBytes(...digests))
  t.strictSame([...all], digests)
  t.equal(new DigestList(all.bytes).length, 5)
  t.strictSame(all.part(3), digests[3])
  t.equal(all.at(5), undefined)
  t.equal(DigestList.from([]).length, 0)
})
