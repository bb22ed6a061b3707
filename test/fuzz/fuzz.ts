/**
 * Some hundred hostile inputs for every decoder, the same on every machine, and the proof that each kind of flaw
 * is seen. `npm run fuzz -- --runs N` does it in earnest.
 */
import { utf8 } from '@gradmesh/core'
import t from 'tap'
import { itemsOf } from './cbor-items.ts'
import { flawOf, memoryFlawOf } from './check.ts'
import { fuzzChunk, growCorpus } from './fuzzer.ts'
import { type Target, targets } from './targets.ts'

const RUNS = 400

for (const target of targets) {
  t.test(target.name, async t => {
    for (const sample of target.samples) {
      t.equal(flawOf(target, sample), null)
      if (target.encode !== null) t.notOk(target.isRefusal(target.decode(sample)), 'a sample is good')
    }
    for (const sample of target.samples.slice(-6)) t.equal(memoryFlawOf(target, sample), null)
    const corpus = { inputs: target.samples, blocks: 0 }
    for (const { flaw, input } of fuzzChunk(target, corpus, 1, 0, RUNS)) {
      t.fail(`${flaw}; npm run fuzz -- --decoder ${target.name} --input ${input}`)
    }
  })
}

const broken = (
  decode: (bytes: Uint8Array) => unknown,
  encode = (value: never): Uint8Array => value
): Target => ({
  name: 'broken',
  samples: [utf8('sample')],
  bytesMax: 64,
  decode,
  isRefusal: answer => answer === undefined,
  encode
})

t.test('every kind of flaw is seen', async t => {
  const input = utf8('input')
  t.equal(
    flawOf(
      broken(bytes => bytes.slice()),
      input
    ),
    null
  )
  t.match(
    flawOf(
      broken(bytes => JSON.parse(String(bytes))),
      input
    ),
    /^threw SyntaxError/
  )
  t.match(
    flawOf(
      broken(bytes => bytes.subarray(1)),
      input
    ),
    /^not canonical/
  )
  t.match(
    flawOf(
      broken(bytes => void bytes.fill(0)),
      input
    ),
    /^changed/
  )
  const slow = (): undefined => {
    const end = process.cpuUsage().user + 110_000
    while (process.cpuUsage().user < end);
  }
  t.match(flawOf(broken(slow), input), /^took/)
  t.match(
    memoryFlawOf(
      broken(() => new Uint8Array(100_000)),
      input
    ),
    /^holds/
  )
})

t.test('the same seed gives the same inputs', async t => {
  const seen = (seed: number): string[] => {
    const inputs: string[] = []
    const target = broken(bytes => void inputs.push(String(bytes)))
    fuzzChunk(target, { inputs: target.samples, blocks: 0 }, seed, 3, 40)
    return inputs
  }
  t.strictSame(seen(5), seen(5))
  t.notSame(seen(5), seen(6))
})

t.test('a corpus grows by what reaches new code', async t => {
  const target = targets.find(({ name }) => name === 'GetRequest')!
  const { inputs, blocks } = growCorpus({ ...target, samples: target.samples.slice(0, 1) }, 1, 1_024)
  t.ok(inputs.length > 4, `${inputs.length} inputs reach ${blocks} blocks`)
  t.ok(inputs.some(input => target.isRefusal(target.decode(input))))
})

t.test('items of dag-cbor are found as far as they can be followed', async t => {
  const starts = (bytes: number[]) => itemsOf(Uint8Array.from(bytes)).map(({ start, end }) => [start, end])
  t.strictSame(starts([0x82, 0x01, 0x41, 0x07]), [
    [0, 4],
    [1, 2],
    [2, 4]
  ])
  t.strictSame(starts([0x9b, 0, 0, 0, 0, 0, 0, 0, 9]), [])
})
