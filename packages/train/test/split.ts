import { readFile } from 'node:fs/promises'
import { concatBytes, Prng, sha256, toHex, utf8 } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import { stratifiedSplit } from '../src/index.ts'

const bytesOf = (numbers: Uint32Array): Uint8Array => new Uint8Array(numbers.buffer)

t.test('every sample is on one side, every class gives its share', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(4), { minLength: 1, maxLength: 300 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.uint8Array({ maxLength: 40 }),
      (classes, share, seed) => {
        const labels = Uint32Array.from(classes)
        const held = Math.floor(share * labels.length)
        const { train, heldOut } = stratifiedSplit(labels, 5, held, seed)
        if (heldOut.length !== held) return false
        const all = [...train, ...heldOut].sort((a, b) => a - b)
        if (!all.every((sample, i) => sample === i) || all.length !== labels.length) return false
        return [0, 1, 2, 3, 4].every(label => {
          const members = labels.filter(other => other === label).length
          const mine = heldOut.filter(sample => labels[sample] === label).length
          return Math.abs(mine - (members * held) / labels.length) < 1
        })
      }
    )
  )
})

t.test('the seed alone decides', async t => {
  const labels = Uint32Array.from({ length: 500 }, (_, i) => i % 10)
  const one = stratifiedSplit(labels, 10, 100, utf8('one'))
  t.same(stratifiedSplit(labels, 10, 100, utf8('one')), one)
  t.notSame(stratifiedSplit(labels, 10, 100, utf8('two')).heldOut, one.heldOut)
})

t.test('the split stays what earlier versions computed', async t => {
  const vector = JSON.parse(await readFile(new URL('vectors/split.json', import.meta.url), 'utf8'))
  const random = new Prng(vector.labels.prng)
  const labels = Uint32Array.from({ length: vector.labels.count }, () => random.below(vector.labels.classes))
  const { train, heldOut } = stratifiedSplit(labels, vector.labels.classes, vector.heldOut, utf8(vector.seed))
  t.equal(toHex(sha256(concatBytes(bytesOf(train), bytesOf(heldOut)))), vector.sha256)
})

t.test('a held-out part larger than the data is a defect of the caller', async t => {
  t.throws(() => stratifiedSplit(Uint32Array.of(0, 1), 2, 3, utf8('')), { code: 'INVARIANT' })
})
