import t from 'tap'
import { keptOf, makeLayout, pack, paddedLength, realLength, unpack } from '../src/layout.ts'

const tensors = [
  { name: 'a', length: 8 },
  { name: 'b', length: 3 },
  { name: 'c', length: 9 }
]

t.test('every tensor starts on a chunk', async t => {
  const layout = makeLayout(tensors, { chunk: 4, keep: 2 })
  t.equal(layout.chunks, 6)
  t.strictSame(
    layout.tensors.map(({ firstChunk, chunks }) => [firstChunk, chunks]),
    [
      [0, 2],
      [2, 1],
      [3, 3]
    ]
  )
  t.strictSame([...layout.realLengths], [4, 4, 3, 4, 4, 1])
  t.equal(paddedLength(layout), 24)
  t.equal(realLength(layout), 20)
  t.equal(keptOf(layout, 0), 2)
  t.equal(keptOf(layout, 5), 1)
})

t.test('pack and unpack are inverse, padding is zero, the element type is kept', async t => {
  const layout = makeLayout(tensors, { chunk: 4, keep: 2 })
  const flat = Int32Array.from({ length: 20 }, (_, i) => i + 1)
  const padded = pack(layout, flat)
  t.strictSame(
    [...padded],
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 12, 13, 14, 15, 16, 17, 18, 19, 20, 0, 0, 0]
  )
  t.strictSame(unpack(layout, padded), flat)
  const floats = pack(layout, Float32Array.from(flat))
  t.ok(floats instanceof Float32Array)
  t.strictSame(unpack(layout, floats), Float32Array.from(flat))
  t.throws(() => pack(layout, new Int32Array(19)), { code: 'DELTA_LAYOUT' })
  t.throws(() => unpack(layout, new Int32Array(20)), { code: 'DELTA_LAYOUT' })
})

t.test('shapes that no genesis should have', async t => {
  for (const [list, chunk, keep] of [
    [[], 4, 2],
    [[{ name: 'a', length: 0 }], 4, 2],
    [[{ name: 'a', length: 1.5 }], 4, 2],
    [[{ name: 'a', length: 2 ** 31 + 1 }], 4, 2],
    [tensors, 0, 1],
    [tensors, 65_536, 1],
    [tensors, 4, 0],
    [tensors, 4, 5],
    [tensors, 8192, 4097]
  ] as const) {
    t.throws(() => makeLayout(list, { chunk, keep }), { code: 'DELTA_LAYOUT' }, `${chunk} ${keep}`)
  }
})
