/** The GPU's compression against the codec's, bit by bit: accumulation, selection, codes, scales, debit. */
import { Prng } from '@gradmesh/core'
import { compress, debit, encodeDelta, makeLayout, paddedLength } from '@gradmesh/delta'
import {
  accumulateError,
  type Device,
  debitError,
  listAdapters,
  openDevice,
  quantiseI32,
  selectTop,
  unpackEntries
} from '@gradmesh/tensor'
import t from 'tap'
import { quantise } from '../src/quantise.ts'

const CHUNK = 4096
const KEEP = 64
const LAYOUT = makeLayout(
  [
    { name: 'wide', length: 5 * CHUNK + 17 },
    { name: 'one', length: 1 },
    { name: 'few', length: 63 },
    { name: 'exact', length: CHUNK }
  ],
  { chunk: CHUNK, keep: KEEP }
)
const { chunks, realLengths } = LAYOUT
const length = paddedLength(LAYOUT)

/** Values in their places, zero in the padding. */
const real = (draw: (i: number) => number): Int32Array =>
  Int32Array.from({ length }, (_, j) => (j % CHUNK < realLengths[Math.floor(j / CHUNK)]! ? draw(j) : 0))

const STYLES: Readonly<Record<string, (prng: Prng) => () => number>> = {
  'any int32': prng => () => prng.u32() | 0,
  'a few values, many ties': prng => () => prng.below(5) - 2,
  zeros: () => () => 0,
  'heavy tails': prng => () => ((prng.below(2 ** 20) - 2 ** 19) * 2 ** -prng.below(20)) | 0,
  'the ends of int32': prng => () => prng.pick([-(2 ** 31), 2 ** 31 - 1, 1, 0])
}

const roundOn = async (device: Device, pseudo: Int32Array, error: Int32Array) => {
  using values = device.upload(error)
  using addend = device.upload(pseudo)
  using lengths = device.upload(Uint32Array.from(realLengths))
  using scales = device.tensor('u32', chunks)
  using entries = device.tensor('u32', chunks * KEEP)
  using left = device.tensor('i32', length)
  const shape = { chunks, chunk: CHUNK, keep: KEEP }
  device.submit(step => {
    step.run(accumulateError, { pseudo: addend, error: values }, { count: length, decayQ8: 243 })
    step.run(selectTop, { values, realLengths: lengths, scales, entries }, shape)
    step.copy(values, left)
    step.run(debitError, { scales, entries, realLengths: lengths, error: left }, shape)
  })
  const [accumulated, gotScales, gotEntries, gotLeft] = await device.read([values, scales, entries, left])
  return { accumulated, delta: unpackEntries(shape, realLengths, gotScales, gotEntries), left: gotLeft }
}

const adapters = await listAdapters().catch(() => [])
t.test('compression on each adapter', async t => {
  if (adapters.length === 0) return t.plan(0, 'no WebGPU adapter on this machine')
  for (const { name } of adapters) {
    using device = await openDevice({ adapter: name, checked: true })
    for (const [style, make] of Object.entries(STYLES)) {
      const prng = new Prng(style)
      const pseudo = real(make(prng))
      const error = real(make(prng))
      const want = compress(LAYOUT, pseudo, error, 243)
      const got = await roundOn(device, pseudo, error)
      t.strictSame(got.accumulated, want.accumulated, `${style}: accumulated`)
      t.strictSame(got.delta, want.delta, `${style}: delta`)
      t.strictSame(encodeDelta(LAYOUT, got.delta), encodeDelta(LAYOUT, want.delta), `${style}: payload`)
      t.strictSame(got.left, debit(want.accumulated, want.delta, LAYOUT), `${style}: error left`)
    }
  }
})

t.test('the border between floats and integers', async t => {
  if (adapters.length === 0) return t.plan(0, 'no WebGPU adapter on this machine')
  const prng = new Prng('quantise on the GPU')
  const host = Float32Array.from({ length: 20_001 }, (_, i) =>
    i % 50 === 3
      ? prng.pick([
          Number.NaN,
          Number.POSITIVE_INFINITY,
          0.5,
          -0.5,
          2 ** -33,
          -(2 ** -33),
          0.49999997 * 2 ** -32
        ])
      : (prng.below(2 ** 24) - 2 ** 23) * 2 ** -prng.below(64)
  )
  const want = quantise(host)
  for (const { name } of adapters) {
    using device = await openDevice({ adapter: name, checked: true })
    using x = device.upload(host)
    using out = device.tensor('i32', host.length)
    using notFinite = device.tensor('u32', 1)
    device.submit(step => step.run(quantiseI32, { x, out, notFinite }, { count: host.length }))
    const [values, count] = await device.read([out, notFinite])
    t.strictSame(values, want.values)
    t.equal(count[0], want.notFinite)
  }
})
