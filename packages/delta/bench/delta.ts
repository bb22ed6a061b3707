/**
 * What compressing, decoding and aggregating cost, and how long payloads get:
 * `node packages/delta/bench/delta.ts`.
 */
import { Prng } from '@gradmesh/core'
import {
  compress,
  debit,
  decodeDelta,
  encodeDelta,
  type Layout,
  makeLayout,
  outerStep,
  paddedLength,
  payloadBytesMax,
  shareWeights
} from '../src/index.ts'

const REPEATS = 15

const digits = makeLayout(
  [784 * 256, 256, 256 * 10, 10].map((length, i) => ({ name: `t${i}`, length })),
  { chunk: 4096, keep: 64 }
)
const million = makeLayout([{ name: 'all', length: 1_000_000 }], { chunk: 4096, keep: 64 })

const draws = {
  gaussian: (prng: Prng) => gauss(prng) * 2 ** 18,
  'heavy-tailed (gaussian cubed)': (prng: Prng) => gauss(prng) ** 3 * 2 ** 16,
  'clustered (a few long runs are large)': (prng: Prng, j: number) =>
    gauss(prng) * ((j >> 5) % 16 === 0 ? 2 ** 20 : 2 ** 14)
}

const gauss = (prng: Prng): number => {
  let sum = -6
  for (let i = 0; i < 12; i++) sum += prng.u32() / 2 ** 32
  return sum
}

const randomValues = (layout: Layout, draw: (prng: Prng, j: number) => number, seed: string): Int32Array => {
  const prng = new Prng(seed)
  const values = new Int32Array(paddedLength(layout))
  for (let c = 0; c < layout.chunks; c++) {
    for (let i = 0; i < layout.realLengths[c]!; i++) values[c * layout.chunk + i] = draw(prng, i)
  }
  return values
}

/** Median milliseconds of one run. */
const time = (run: () => void): string => {
  const taken = Array.from({ length: REPEATS }, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  }).sort((a, b) => a - b)
  return taken[REPEATS >> 1]!.toFixed(2)
}

const norm = (values: Int32Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))

for (const [name, draw] of Object.entries(draws)) {
  const values = randomValues(digits, draw, name)
  const { delta, accumulated } = compress(digits, values, new Int32Array(values.length))
  const left = norm(debit(accumulated, delta, digits)) / norm(accumulated)
  console.log(
    `payload, 203,530 parameters, ${name}: ${encodeDelta(digits, delta).length} B, residual ${left.toFixed(4)}`
  )
}
console.log(
  `payload bound: ${payloadBytesMax(digits)} B (dense f32 / 150: ${Math.floor((203_530 * 4) / 150)} B)`
)

for (const [name, layout, peers] of [
  ['203,530 parameters', digits, 4],
  ['1,000,000 parameters', million, 16]
] as const) {
  const values = randomValues(layout, draws.gaussian, name)
  const error = randomValues(layout, draws.gaussian, `${name} error`)
  const payloads = Array.from({ length: peers }, (_, i) =>
    encodeDelta(layout, compress(layout, randomValues(layout, draws.gaussian, `${name} ${i}`), error).delta)
  )
  const decode = () =>
    payloads.map(bytes => {
      const delta = decodeDelta(layout, bytes)
      if ('fault' in delta) throw new TypeError(delta.fault)
      return delta
    })
  const weights = shareWeights(payloads.map(() => 1))
  const deltas = decode().map((delta, i) => ({ delta, weight: weights[i]! }))
  const { delta } = deltas[0]!
  const master = new Int32Array(paddedLength(layout))
  console.log(`${name}, ${layout.chunks} chunks, median of ${REPEATS} in ms:`)
  console.log(`  compress            ${time(() => compress(layout, values, error))}`)
  console.log(`  debit               ${time(() => debit(values, delta, layout))}`)
  console.log(`  encode              ${time(() => encodeDelta(layout, delta))}`)
  console.log(`  decode ${String(peers).padStart(2)} deltas    ${time(decode)}`)
  console.log(
    `  step by ${String(peers).padStart(2)} deltas   ${time(() => outerStep(layout, master, deltas, 65_536))}`
  )
}
