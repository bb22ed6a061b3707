import fc from 'fast-check'
import t from 'tap'
import { EntityCounter, entitiesOf, toBio } from '../../src/index.ts'

const spans = (tags: string): string[] =>
  entitiesOf(tags.split(' ')).map(({ type, start, end }) => `${type} ${start}-${end}`)

t.test('where entities begin and end', async t => {
  const cases: [string, string[]][] = [
    ['O O', []],
    ['B-PER I-PER O B-LOC', ['PER 0-2', 'LOC 3-4']],
    ['I-PER I-PER O I-LOC', ['PER 0-2', 'LOC 3-4']],
    ['I-PER B-PER I-PER', ['PER 0-1', 'PER 1-3']],
    ['B-PER B-PER', ['PER 0-1', 'PER 1-2']],
    ['B-PER I-LOC', ['PER 0-1', 'LOC 1-2']],
    ['I-PER I-LOC I-LOC', ['PER 0-1', 'LOC 1-3']],
    ['O I-A', ['A 1-2']],
    ['B-A-B I-A-B', ['A-B 0-2']]
  ]
  for (const [tags, expected] of cases) t.strictSame(spans(tags), expected, tags)
})

t.test('what the evaluation of CoNLL-2000 would print', async t => {
  const counter = new EntityCounter()
  counter.add(
    ['B-PER', 'I-PER', 'O', 'B-LOC', 'O', 'B-ORG', 'I-ORG'],
    ['B-PER', 'I-PER', 'O', 'B-ORG', 'O', 'B-ORG', 'O']
  )
  counter.add(['O', 'B-LOC'], ['B-LOC', 'B-LOC'])
  const { classes, micro, macro, weighted, tokens, tokenAccuracy } = counter.report()
  t.strictSame(Object.keys(classes), ['LOC', 'ORG', 'PER'])
  t.match(classes.PER, { precision: 1, recall: 1, f1: 1, support: 1 })
  t.match(classes.LOC, { precision: 0.5, recall: 0.5, f1: 0.5, support: 2 })
  t.match(classes.ORG, { precision: 0, recall: 0, f1: 0, support: 1 })
  t.match(micro, { precision: 2 / 5, recall: 2 / 4, support: 4 })
  t.ok(Math.abs(micro.f1 - 4 / 9) < 1e-12)
  t.ok(Math.abs(macro.f1 - 0.5) < 1e-12)
  t.ok(Math.abs(weighted.recall - 0.5) < 1e-12)
  t.equal(tokens, 9)
  t.equal(tokenAccuracy, 6 / 9)
})

t.test('nothing at all has scores of 0, and sentences must match', async t => {
  const counter = new EntityCounter()
  t.strictSame(counter.report().micro, { precision: 0, recall: 0, f1: 0, support: 0 })
  t.throws(() => counter.add(['O'], []), RangeError)
})

const tag = fc.constantFrom('O', 'B-A', 'I-A', 'B-B', 'I-B')

t.test('BIO says the same as whatever it was made of, and is its own BIO', async t => {
  fc.assert(
    fc.property(fc.array(tag, { maxLength: 12 }), tags => {
      const bio = toBio(tags)
      t.strictSame(entitiesOf(bio), entitiesOf(tags))
      t.strictSame(toBio(bio), bio)
    })
  )
})

t.test('a prediction that equals the truth is perfect, and no score leaves 0..1', async t => {
  fc.assert(
    fc.property(fc.array(fc.tuple(tag, tag), { minLength: 1, maxLength: 12 }), pairs => {
      const actual = pairs.map(([a]) => a)
      const same = new EntityCounter()
      same.add(actual, actual)
      const { micro, tokenAccuracy } = same.report()
      t.equal(tokenAccuracy, 1)
      t.equal(micro.f1, entitiesOf(actual).length === 0 ? 0 : 1)
      const other = new EntityCounter()
      other.add(
        actual,
        pairs.map(([, b]) => b)
      )
      const report = other.report()
      for (const { precision, recall, f1 } of [report.micro, report.macro, report.weighted])
        t.ok([precision, recall, f1].every(share => share >= 0 && share <= 1))
    })
  )
})
