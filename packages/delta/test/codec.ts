import { Prng } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import { decodeDelta, encodeDelta, payloadBytesMax, riceBits } from '../src/codec.ts'
import { makeLayout } from '../src/layout.ts'
import type { Delta, Layout } from '../src/types.ts'
import { randomDelta, smallLayout } from './fixtures/values.ts'

const decodeOk = (layout: Layout, bytes: Uint8Array): Delta => {
  const delta = decodeDelta(layout, bytes)
  if ('fault' in delta) throw new TypeError(`${delta.fault} ${delta.detail ?? ''}`)
  return delta
}

const faultOf = (layout: Layout, bytes: Uint8Array): string | null => {
  const delta = decodeDelta(layout, bytes)
  return 'fault' in delta ? delta.fault : null
}

/** Bits as they stand in the stream, first one first. */
const bits = (text: string): Uint8Array => {
  const stream = text.replaceAll(' ', '')
  const bytes = new Uint8Array(Math.ceil(stream.length / 8))
  for (let i = 0; i < stream.length; i++) if (stream[i] === '1') bytes[i >> 3]! |= 1 << (i & 7)
  return bytes
}

// One chunk of 16, two kept: k is the smallest with 2^(k+1) * 2 >= 16, so 2.
const tiny = makeLayout([{ name: 'a', length: 16 }], { chunk: 16, keep: 2 })
const five = '1010000000000000' // scale 5, lowest bit first

t.test('the form, written out by hand', async t => {
  t.equal(riceBits(16, 2), 2)
  t.equal(riceBits(4096, 64), 5)
  t.equal(riceBits(10, 10), 0)
  const delta = {
    starts: Uint32Array.of(0, 2),
    scales: Uint32Array.of(5),
    indices: Uint16Array.of(6, 8),
    codes: Int8Array.of(-3, 3)
  }
  // Gap 6 = one unary step of 4 and 2; gap 1 = no step and 1.
  const bytes = bits(`${five} 10 01 00  0 10 11`)
  t.strictSame(encodeDelta(tiny, delta), bytes)
  t.strictSame(decodeDelta(tiny, bytes), delta)
  t.strictSame(decodeOk(tiny, new Uint8Array(2)).starts, Uint32Array.of(0, 0), 'scale 0 ends the chunk')
})

t.test('each fault', async t => {
  t.equal(faultOf(tiny, new Uint8Array(0)), 'DELTA_LENGTH')
  t.equal(faultOf(tiny, new Uint8Array(1)), 'DELTA_LENGTH')
  t.equal(faultOf(tiny, bits(five)), 'DELTA_LENGTH', 'entries missing')
  t.equal(faultOf(tiny, bits(`${five} 10 01 00`)), 'DELTA_LENGTH', 'an entry missing')
  t.equal(faultOf(tiny, new Uint8Array(3)), 'DELTA_LENGTH', 'a byte left over')
  t.equal(faultOf(tiny, new Uint8Array(payloadBytesMax(tiny) + 1)), 'DELTA_LENGTH')
  t.equal(faultOf(tiny, Uint8Array.of(0, 0x9c, 0, 0)), 'DELTA_SCALE', 'e = 19')
  t.equal(faultOf(tiny, Uint8Array.of(1, 0x08, 0, 0)), 'DELTA_SCALE', 'e = 1 with a short mantissa')
  t.equal(faultOf(tiny, bits(`${five} 1111 00 00`)), 'DELTA_RICE', 'a gap of at least 16')
  t.equal(faultOf(tiny, bits(`${five} 1110 11 00 0 00 00`)), 'DELTA_INDEX', 'index 15 leaves no room')
  t.equal(faultOf(tiny, bits(`${five} 1110 01 00 0 10 00`)), 'DELTA_INDEX', 'index 14, then 16')
  t.equal(faultOf(tiny, bits(`${five} 1110 01 00 0 00 00`)), null, 'indices 14 and 15 are fine')
  t.equal(faultOf(tiny, bits(`${five} 10 01 00 0 10 11 00000 1`)), 'DELTA_LENGTH', 'a bit in a byte too many')
  t.equal(faultOf(tiny, bits(`${five} 10 01 00 0 10 11 00001`)), 'DELTA_PADDING')
})

t.test('what compress makes comes back', async t => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 31 }), (seed, bitsOf) => {
      const delta = randomDelta(smallLayout, seed, bitsOf)
      const bytes = encodeDelta(smallLayout, delta)
      t.ok(bytes.length <= payloadBytesMax(smallLayout))
      return t.strictSame(decodeDelta(smallLayout, bytes), delta)
    }),
    { numRuns: 100 }
  )
})

t.test('the longest payload is as long as the bound says', async t => {
  const delta: Delta = {
    starts: Uint32Array.of(0, 2),
    scales: Uint32Array.of(1),
    indices: Uint16Array.of(14, 15),
    codes: Int8Array.of(1, 1)
  }
  t.equal(encodeDelta(tiny, delta).length, payloadBytesMax(tiny))
})

t.test('hostile bytes: an answer, never an exception, and one encoding a value', async t => {
  const prng = new Prng('mutate')
  let accepted = 0
  const faults = new Set<string>()
  const tryBytes = (bytes: Uint8Array): void => {
    const delta = decodeDelta(smallLayout, bytes)
    if ('fault' in delta) {
      faults.add(delta.fault)
      return
    }
    accepted++
    const again = encodeDelta(smallLayout, delta)
    if (Buffer.compare(again, bytes) !== 0) t.fail(`${Buffer.from(bytes).toString('hex')} has two encodings`)
  }
  for (let round = 0; round < 200; round++) {
    const good = encodeDelta(smallLayout, randomDelta(smallLayout, `good ${round}`))
    for (let bit = 0; bit < 8; bit++) {
      const flipped = new Uint8Array(good)
      flipped[prng.below(good.length)]! ^= 1 << bit
      tryBytes(flipped)
    }
    tryBytes(good.subarray(0, prng.below(good.length)))
    const longer = new Uint8Array(good.length + 1 + prng.below(3))
    longer.set(good)
    tryBytes(longer)
    tryBytes(prng.bytes(prng.below(2 * good.length)))
    // NaN and infinity of f32, all ones, all zeros.
    for (const fill of [[0, 0, 0xc0, 0x7f], [0, 0, 0x80, 0x7f], [255], [0]]) {
      tryBytes(Uint8Array.from(good, (_, i) => fill[i % fill.length]!))
    }
  }
  t.ok(accepted > 100, 'some mutants are other good deltas')
  t.strictSame([...faults].sort(), [
    'DELTA_INDEX',
    'DELTA_LENGTH',
    'DELTA_PADDING',
    'DELTA_RICE',
    'DELTA_SCALE'
  ])
})

t.test('memory follows the layout, not what the bytes claim', async t => {
  const layout = makeLayout([{ name: 'a', length: 2 ** 22 }], { chunk: 4096, keep: 64 })
  const { delta } = { delta: decodeOk(layout, new Uint8Array(2 * layout.chunks)) }
  t.equal(delta.indices.length, 0)
  t.equal(faultOf(layout, new Uint8Array(2 * layout.chunks - 1)), 'DELTA_LENGTH')
})

t.test('a delta that nobody decoded breaks an invariant', async t => {
  const good = randomDelta(smallLayout, 'good')
  const broken: [string, Delta][] = [
    ['a scale', { ...good, scales: Uint32Array.from(good.scales, () => 2049) }],
    ['a code', { ...good, codes: Int8Array.from(good.codes, () => 2) }],
    ['a code too large', { ...good, codes: Int8Array.from(good.codes, () => 5) }],
    ['an order', { ...good, indices: new Uint16Array(good.indices).reverse() }],
    ['a count', { ...good, starts: Uint32Array.from(good.starts, () => 0) }],
    ['a layout', { ...good, scales: good.scales.slice(1) }]
  ]
  for (const [what, delta] of broken)
    t.throws(() => encodeDelta(smallLayout, delta), { code: 'INVARIANT' }, what)
})
