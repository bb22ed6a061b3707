import t from 'tap'
import { mlpGradient, mlpReference } from '../../src/models/mlp-reference.ts'
import { dataOf, rowsOf, SMALL, SMALL_PARAMETERS, weightsOf } from '../fixtures/small.ts'

const data = dataOf(SMALL, 40, 23, 'reference')

t.test('the gradient is the slope that central differences measure', async t => {
  const weights = Float64Array.from(weightsOf(SMALL_PARAMETERS, 'weights'))
  const rows = rowsOf(11, data.train.count, 'rows')
  const { gradient } = mlpGradient(SMALL, weights, data.train, rows)
  t.ok(gradient.filter(value => value !== 0).length > SMALL_PARAMETERS / 2, 'most weights matter')
  const width = 1e-6
  const lossAt = (i: number, change: number): number => {
    const moved = weights.slice()
    moved[i]! += change
    return mlpGradient(SMALL, moved, data.train, rows).loss
  }
  const worst = gradient.reduce((most, slope, i) => {
    const measured = (lossAt(i, width) - lossAt(i, -width)) / (2 * width)
    return Math.max(most, Math.abs(slope - measured))
  }, 0)
  t.ok(worst < 1e-8, `worst difference ${worst}`)
})

t.test('the first AdamW step moves every weight by the rate, against its slope', async t => {
  const trainer = mlpReference(SMALL, data, { beta1: 0.9, beta2: 0.95, epsilon: 0, weightDecay: 0 })
  const weights = weightsOf(SMALL_PARAMETERS, 'weights')
  const rows = rowsOf(11, data.train.count, 'rows')
  const { gradient } = mlpGradient(SMALL, Float64Array.from(weights), data.train, rows)
  trainer.load(weights)
  await trainer.step(rows, 0.01)
  const { difference } = await trainer.finish()
  gradient.forEach((slope, i) => {
    if (slope !== 0) t.ok(Math.abs(difference[i]! - 0.01 * Math.sign(slope)) < 1e-8, `weight ${i}`)
  })
})

t.test('weight decay shrinks matrices and leaves biases', async t => {
  const plain = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0 }
  const weights = weightsOf(SMALL_PARAMETERS, 'weights')
  const rows = rowsOf(11, data.train.count, 'rows')
  const [without, decayed] = await Promise.all(
    [plain, { ...plain, weightDecay: 0.5 }].map(async inner => {
      const trainer = mlpReference(SMALL, data, inner)
      trainer.load(weights)
      await trainer.step(rows, 0.01)
      return (await trainer.finish()).difference
    })
  )
  decayed!.forEach((value, i) => {
    const isBias = (i >= 91 && i < 98) || i >= 133
    const wanted = isBias ? 0 : 0.01 * 0.5 * weights[i]!
    t.ok(Math.abs(value - without![i]! - wanted) < 1e-7, `weight ${i}`)
  })
})

t.test('learns, and the held-out score is a share of the held-out samples', async t => {
  const trainer = mlpReference(SMALL, data)
  const weights = weightsOf(SMALL_PARAMETERS, 'start')
  const before = await trainer.evaluate(weights)
  trainer.load(weights)
  for (let step = 0; step < 60; step++) await trainer.step(rowsOf(16, data.train.count, `step ${step}`), 0.02)
  const { difference } = await trainer.finish()
  const after = await trainer.evaluate(weights.map((value, i) => value - difference[i]!))
  t.equal(after.samples, 23)
  t.ok(after.loss < before.loss / 2, `loss ${before.loss} to ${after.loss}`)
  t.ok(after.score > 0.9, `score ${after.score}`)
  t.ok(Number.isInteger(Math.round(after.score * 23 * 1e9) / 1e9))
  await trainer.close()
})
