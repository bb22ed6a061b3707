/** Bytes and digests that no release may change without a new protocol version. */
import { readFileSync } from 'node:fs'
import { sha256, toHex } from '@gradmesh/core'
import t from 'tap'
import {
  compress,
  debit,
  decodeDelta,
  encodeDelta,
  makeLayout,
  outerStep,
  shareWeights
} from '../src/index.ts'
import { randomValues } from './fixtures/values.ts'

interface Vector {
  readonly lengths: readonly number[]
  readonly chunk: number
  readonly keep: number
  readonly bits: number
  readonly steps: readonly number[]
  readonly rateQ16: number
  readonly payloads: readonly string[]
  readonly debited: readonly string[]
  readonly stepped: string
}

const path = new URL('vectors/delta.json', import.meta.url)
const vectors = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Vector>

const digestOf = (values: Int32Array): string => {
  const bytes = new Uint8Array(4 * values.length)
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    view.setInt32(4 * i, value, true)
  })
  return toHex(sha256(bytes))
}

for (const [name, vector] of Object.entries(vectors)) {
  t.test(name, async t => {
    const { chunk, keep, bits } = vector
    const layout = makeLayout(
      vector.lengths.map((length, i) => ({ name: `t${i}`, length })),
      { chunk, keep }
    )
    const shares = shareWeights(vector.steps)
    const made = shares.map((weight, i) => {
      const error = randomValues(layout, `${name}/error/${i}`, bits)
      const { delta, accumulated } = compress(layout, randomValues(layout, `${name}/${i}`, bits), error)
      return { delta, weight, debited: digestOf(debit(accumulated, delta, layout)) }
    })
    const payloads = made.map(({ delta }) => encodeDelta(layout, delta))
    t.strictSame(payloads.map(toHex), vector.payloads)
    t.strictSame(
      payloads.map(bytes => decodeDelta(layout, bytes)),
      made.map(({ delta }) => delta)
    )
    t.strictSame(
      made.map(({ debited }) => debited),
      vector.debited
    )
    const weights = randomValues(layout, `${name}/weights`, 24)
    t.equal(digestOf(outerStep(layout, weights, made, vector.rateQ16)), vector.stepped)
  })
}
