import t, { type Test } from 'tap'
import {
  digits,
  type LabelledData,
  type MlpShape,
  mlpReference,
  mlpTrainer,
  openTrainer,
  type Trainer
} from '../../src/index.ts'
import { dataOf, deviceOrReason, rowsOf, SMALL, SMALL_PARAMETERS, weightsOf } from '../fixtures/small.ts'

const device = await deviceOrReason()
if (typeof device === 'string') {
  t.plan(0, `no adapter to hold to the reference: ${device}`)
} else {
  t.teardown(() => device.close())

  const roundOf = async (trainer: Trainer, weights: Float32Array, steps: readonly Uint32Array[]) => {
    trainer.load(weights)
    for (const rows of steps) await trainer.step(rows, 1e-3)
    return trainer.finish()
  }

  /**
   * AdamW divides a slope by its own size, so a slope near 0 turns rounding into a step of any size up to
   * the rate: one weight in a thousand may do that.
   */
  const agree = (t: Test, got: Float32Array, want: Float32Array, steps: number): void => {
    t.equal(got.length, want.length)
    const far = want.filter((value, i) => Math.abs(value - got[i]!) > 2e-6 * steps).length
    const worst = want.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0)
    t.ok(far <= want.length / 1000, `${far} of ${want.length} far off, the worst by ${worst}`)
    t.ok(worst <= 2e-3 * steps, `worst ${worst}`)
  }

  for (const [name, shape, samples, batch] of [
    ['small and odd', SMALL, 40, 11],
    ['one row', { inputs: 3, hidden: 2, outputs: 2 }, 5, 1],
    ['the digits model', { inputs: 784, hidden: 256, outputs: 10 }, 70, 64]
  ] as [string, MlpShape, number, number][]) {
    t.test(`${name}: steps and scores are those of the reference`, async t => {
      const data = dataOf(shape, samples, 67, name)
      const parameters = (shape.inputs + 1 + shape.outputs) * shape.hidden + shape.outputs
      const weights = weightsOf(parameters, name)
      const gpu = mlpTrainer(device, shape, data)
      const reference = mlpReference(shape, data)
      for (const steps of [1, 3]) {
        const rows = Array.from({ length: steps }, (_, step) => rowsOf(batch, samples, `${name} ${step}`))
        const got = await roundOf(gpu, weights, rows)
        const want = await roundOf(reference, weights, rows)
        agree(t, got.difference, want.difference, steps)
        t.ok(Math.abs(got.loss - want.loss) < 1e-4 * (1 + want.loss), `loss ${got.loss} and ${want.loss}`)
      }
      const got = await gpu.evaluate(weights)
      const want = await reference.evaluate(weights)
      t.equal(got.score, want.score)
      t.equal(got.samples, want.samples)
      t.ok(Math.abs(got.loss - want.loss) < 1e-4 * (1 + want.loss))
      await gpu.close()
    })
  }

  t.test('an evaluation of more samples than one pass holds, in the middle of a round', async t => {
    const data = dataOf(SMALL, 40, 1100, 'passes')
    const weights = weightsOf(SMALL_PARAMETERS, 'passes')
    const rows = rowsOf(11, 40, 'passes')
    const gpu = mlpTrainer(device, SMALL, data)
    const alone = await roundOf(gpu, weights, [rows])
    gpu.load(weights)
    await gpu.step(rows, 1e-3)
    const got = await gpu.evaluate(weights)
    t.same(await gpu.finish(), alone, 'the round is as without it')
    const want = await mlpReference(SMALL, data).evaluate(weights)
    t.equal(got.score, want.score)
    t.ok(Math.abs(got.loss - want.loss) < 1e-4 * (1 + want.loss))
    await gpu.close()
  })

  t.test('a load forgets the round before, moments and loss included', async t => {
    const data = dataOf(SMALL, 40, 10, 'forget')
    const gpu = mlpTrainer(device, SMALL, data)
    const weights = weightsOf(SMALL_PARAMETERS, 'forget')
    const rows = [rowsOf(11, 40, 'one'), rowsOf(11, 40, 'two')]
    const first = await roundOf(gpu, weights, rows)
    await roundOf(gpu, weightsOf(SMALL_PARAMETERS, 'other'), [rowsOf(4, 40, 'other')])
    t.same(await roundOf(gpu, weights, rows), first)
    await gpu.close()
  })

  t.test('rows, weights and data that do not fit are refused, and the trainer goes on', async t => {
    const data = dataOf(SMALL, 40, 10, 'hostile')
    const gpu = mlpTrainer(device, SMALL, data)
    const weights = weightsOf(SMALL_PARAMETERS, 'hostile')
    const rows = rowsOf(11, 40, 'hostile')
    const before = await roundOf(gpu, weights, [rows])
    gpu.load(weights)
    await t.rejects(gpu.finish(), { code: 'TRAIN_ROWS' }, 'a round without a step')
    await t.rejects(gpu.step(Uint32Array.of(3, 40), 1e-3), { code: 'TRAIN_ROWS' }, 'a row past the end')
    await t.rejects(gpu.step(Uint32Array.of(2 ** 32 - 1), 1e-3), { code: 'TRAIN_ROWS' })
    await t.rejects(gpu.step(new Uint32Array(), 1e-3), { code: 'TRAIN_ROWS' }, 'no rows')
    t.throws(() => gpu.load(new Float32Array(SMALL_PARAMETERS + 1)), { code: 'TRAIN_WEIGHTS' })
    await t.rejects(gpu.evaluate(new Float32Array(1)), { code: 'TRAIN_WEIGHTS' })
    await gpu.step(rows, 1e-3)
    await t.rejects(gpu.step(rowsOf(4, 40, 'fewer'), 1e-3), { code: 'TRAIN_ROWS' }, 'another batch size')
    t.same(await gpu.finish(), before)

    const broken = (change: Partial<LabelledData>): void => {
      const train = { ...data.train, ...change }
      t.throws(() => mlpTrainer(device, SMALL, { ...data, train }), { code: 'TRAIN_DATA' })
      t.throws(() => mlpReference(SMALL, { ...data, heldOut: train }), { code: 'TRAIN_DATA' })
    }
    broken({ labels: data.train.labels.map((label, i) => (i === 7 ? 5 : label)) })
    broken({ labels: data.train.labels.slice(1) })
    broken({ inputs: data.train.inputs.map((value, i) => (i === 9 ? Number.NaN : value)) })
    broken({ inputs: data.train.inputs.slice(1) })
    broken({ inputSize: 14 })
    broken({ count: 0 })
    await gpu.close()
  })

  t.test('closing gives all memory back', async t => {
    const before = device.memory().liveBytes
    const gpu = mlpTrainer(device, SMALL, dataOf(SMALL, 40, 10, 'memory'))
    await roundOf(gpu, weightsOf(SMALL_PARAMETERS, 'memory'), [rowsOf(11, 40, 'memory')])
    t.ok(device.memory().liveBytes > before)
    await gpu.close()
    t.equal(device.memory().liveBytes, before)
  })

  t.test('a warm trainer of the digits task trains and scores', async t => {
    const task = digits().open({})
    const loaded = await task.load({ seed: new Uint8Array(32), folder: null })
    const trainer = await openTrainer({ device, task, loaded, batch: 64 })
    const weights = weightsOf(203_530, 'digits').map(value => value / 10)
    trainer.load(weights)
    for (let step = 0; step < 40; step++) await trainer.step(rowsOf(64, 8000, `digits ${step}`), 3e-3)
    const { difference } = await trainer.finish()
    const { score, samples } = await trainer.evaluate(weights.map((value, i) => value - difference[i]!))
    t.equal(samples, 2000)
    t.ok(score > 0.8, `accuracy ${score}`)
    await trainer.close()
  })
}
