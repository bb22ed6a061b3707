import t from 'tap'
import { packHalves, unpackHalves } from '../src/index.ts'

t.test('values of f16 come back as they were', async t => {
  const values = [0, 1, -1, 0.5, 65504, -65504, 2 ** -14, 2 ** -24, 3 * 2 ** -24, 1 / 1024, 1.0009765625]
  t.same(unpackHalves(packHalves(values), values.length), Float64Array.from(values))
})

t.test('others are rounded to the nearest, ties to even', async t => {
  const cases = [
    [1 + 1 / 2048, 1],
    [1 + 3 / 2048, 1 + 2 / 1024],
    [2047.5 / 1024, 2],
    [65519, 65504],
    [65520, Number.POSITIVE_INFINITY],
    [2 ** -25, 0],
    [1.5 * 2 ** -25, 2 ** -24],
    [2 ** -14 - 2 ** -26, 2 ** -14]
  ] as const
  const packed = packHalves(cases.map(([value]) => value))
  t.same(
    unpackHalves(packed, cases.length),
    Float64Array.from(cases, ([, want]) => want)
  )
  t.ok(Number.isNaN(unpackHalves(packHalves([Number.NaN]), 1)[0]))
  t.same([...packHalves([-0, 1])], [0x3c008000])
})
