/** A short soak. The long one is `node packages/tensor/bench/soak.ts`. */
import t from 'tap'
import { soak } from '../bench/soak/run.ts'
import { type Sample, verdictOf } from '../bench/soak/watch.ts'
import { adapters } from './support/devices.ts'

t.setTimeout(120_000)

const skip = adapters.length === 0 ? 'no WebGPU adapter on this machine' : false

t.test('two thousand steps hold as much memory as the first hundred', { skip }, async t => {
  const { samples } = await soak(2000)
  t.equal(samples.length, 20)
  t.strictSame(verdictOf(samples).grew, [])
  const { submitsUnderWayMax, compilations } = samples.at(-1)!
  t.ok(submitsUnderWayMax <= 16, `${submitsUnderWayMax} submits under way at most`)
  t.equal(compilations, samples[0]!.compilations, 'nothing is compiled twice')
})

t.test('the judgement sees a leak', async t => {
  const samples = (leakBytes: number, change: Partial<Sample> = {}): Sample[] =>
    Array.from({ length: 40 }, (_, i) => ({
      step: 2500 * (i + 1),
      residentBytes: 200 * 2 ** 20 + (i % 3) * 2 ** 20 + 2500 * i * leakBytes,
      heapBytes: 1,
      peakBytes: 1,
      stagingPeakBytes: 1,
      buffers: 1,
      compilations: 1,
      submitsUnderWayMax: 1,
      ...(i > 20 ? change : {})
    }))
  t.strictSame(verdictOf(samples(0)).grew, [])
  t.strictSame(verdictOf(samples(256)).grew, ['resident memory'])
  t.strictSame(verdictOf(samples(0, { buffers: 2, compilations: 2 })).grew, ['buffers', 'compilations'])
})
