import t from 'tap'
import { ClassCounter, confusionTable, PerplexityMeter, scoreTable } from '../../src/index.ts'

const counted = (): ClassCounter => {
  const counter = new ClassCounter(['neg', 'pos'])
  for (const [actual, predicted, times] of [
    [0, 0, 3],
    [0, 1, 1],
    [1, 1, 4],
    [1, 0, 2]
  ] as const)
    for (let i = 0; i < times; i++) counter.add(actual, predicted)
  return counter
}

t.test('accuracy, confusion, scores', async t => {
  const report = counted().report()
  t.equal(report.samples, 10)
  t.equal(report.accuracy, 0.7)
  t.strictSame(report.confusion, [
    [3, 1],
    [2, 4]
  ])
  t.match(report.classes.neg, { precision: 3 / 5, recall: 3 / 4, support: 4 })
  t.match(report.classes.pos, { precision: 4 / 5, recall: 4 / 6, support: 6 })
  t.equal(report.micro.f1.toFixed(6), report.accuracy.toFixed(6), 'one label a sample: micro F1 is accuracy')
  t.throws(() => counted().add(2, 0), RangeError)
})

t.test('tables', async t => {
  const report = counted().report()
  t.equal(
    scoreTable(report),
    `                  precision  recall      f1  support
neg                  0.6000  0.7500  0.6667        4
pos                  0.8000  0.6667  0.7273        6

micro average        0.7000  0.7000  0.7000       10
macro average        0.7000  0.7083  0.6970       10
weighted average     0.7200  0.7000  0.7030       10`
  )
  t.equal(confusionTable(report), `     neg  pos\nneg    3    1\npos    2    4`)
  const many = new ClassCounter(Array.from({ length: 17 }, (_, i) => `c${i}`))
  t.equal(confusionTable(many.report()), '')
})

t.test('perplexity is exp of the mean loss', async t => {
  const meter = new PerplexityMeter()
  t.equal(meter.report().perplexity, 1)
  meter.add(2 * Math.log(8), 2)
  meter.add(2 * Math.log(2), 2)
  t.match(meter.report(), { tokens: 4 })
  t.ok(Math.abs(meter.report().perplexity - 4) < 1e-12)
})
