import { openDevice } from '@gradmesh/tensor'
import t from 'tap'
import { type BertConfig, Evaluation, type Head, modelOf, readConfig, trainingTape } from '../../src/index.ts'
import { difference } from '../support/block.ts'
import { Graph, Node } from '../support/float64.ts'
import { drawn, each, gradientsEqual, real, rows, shape, text, tokens } from '../support/gradients.ts'
import { BERT } from '../support/small.ts'
import { start, weightsOf } from '../support/tiny.ts'
import { bertTwin, classifierTwin, maskedTwin, poolerTwin } from '../support/twins.ts'

const { batch, length } = shape
const sentences = { ...text, types: drawn(rows, 2), lengths: Uint32Array.of(8, 4) }

t.test('gradients equal those in float64', t =>
  gradientsEqual(t, async check => {
    const bertOf = (head: Head) => {
      const model = modelOf(readConfig(BERT), head)
      return { model, config: model.config as BertConfig }
    }
    const { types, lengths } = sentences
    const tagger = bertOf('tokens')
    const tags = drawn(rows, 4)
    await check(
      'bert, a label a token',
      tagger.model,
      shape,
      { tokens, types, lengths, labels: tags, weights: real },
      (g, p) => g.crossEntropy(classifierTwin(g, p, bertTwin(g, p, tagger.config, sentences), 4), tags, real)
    )

    const sorter = bertOf('sequence')
    await check(
      'bert, a label a sequence',
      sorter.model,
      { ...shape, checkpoint: true },
      { tokens, types, lengths, labels: Uint32Array.of(3, 1), weights: each },
      (g, p) => {
        const x = bertTwin(g, p, sorter.config, sentences)
        return g.crossEntropy(
          classifierTwin(g, p, poolerTwin(g, p, x, sorter.config, length), 4),
          [3, 1],
          each
        )
      }
    )

    const guesser = bertOf('masked')
    const picks = Uint32Array.of(2, 7, 11, 0)
    const masked = { labels: drawn(4, 24), weights: Float32Array.of(0.5, 0.25, 0.25, 0) }
    await check(
      'bert, masked tokens and the next sentence',
      guesser.model,
      { ...shape, picks: 4 },
      { tokens, types, lengths, picks, ...masked, 'next.labels': Uint32Array.of(0, 1), 'next.weights': each },
      (g, p) => {
        const x = bertTwin(g, p, guesser.config, sentences)
        const pooled = poolerTwin(g, p, x, guesser.config, length)
        const next = g.linear(pooled, p('cls.seq_relationship.weight'), p('cls.seq_relationship.bias'), 2)
        return g.add(
          g.crossEntropy(maskedTwin(g, p, x, guesser.config, picks), masked.labels, masked.weights),
          g.crossEntropy(next, [0, 1], each)
        )
      }
    )
  })
)

t.test('an embedding is the mean of the last layer', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, BERT, 'embedding')
  const evaluation = new Evaluation(model, variables, { batch, length })
  const shares = Float32Array.from({ length: rows }, (_, i) => (i < 8 ? 1 / 8 : i < 12 ? 1 / 4 : 0))
  const { types, lengths } = sentences
  evaluation.run({ tokens, types, lengths, shares })
  const [values] = await evaluation.logits()
  const nodes = new Map([...(await weightsOf(model, variables))].map(([name, w]) => [name, new Node(w)]))
  const g = new Graph()
  const x = bertTwin(g, name => nodes.get(name)!, model.config as BertConfig, sentences)
  const { worst: by } = difference('', values!, g.weighed(x, shares, length, 24).data)
  t.ok(by < 1e-5, by.toExponential(1))
  t.throws(() => trainingTape(model, { shape: { batch, length } }), { code: 'MODEL_HEAD' })
})
