import { openDevice } from '@gradmesh/tensor'
import t from 'tap'
import { type BagConfig, Evaluation, modelOf, readConfig } from '../../src/index.ts'
import { difference } from '../support/block.ts'
import { Graph, Node } from '../support/float64.ts'
import { drawn, each, gradientsEqual, rows, shape, tokens } from '../support/gradients.ts'
import { BAG } from '../support/small.ts'
import { start, weightsOf } from '../support/tiny.ts'
import { bagTwin, classifierTwin } from '../support/twins.ts'

/** The second sequence's padding counts for nothing. */
const shares = Float32Array.from({ length: rows }, (_, i) => (i < 8 + 4 ? (i % 5) / 4 : 0))

t.test('gradients equal those in float64', t =>
  gradientsEqual(t, async check => {
    const model = modelOf(readConfig(BAG), 'sequence')
    const labels = drawn(shape.batch, 4)
    await check('bag', model, shape, { tokens, shares, labels, weights: each }, (g, p) => {
      const x = bagTwin(g, p, model.config as BagConfig, tokens, shares, shape.length)
      return g.crossEntropy(classifierTwin(g, p, x, 4), labels, each)
    })
  })
)

t.test('its embedding is the sum itself', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, BAG, 'embedding')
  const evaluation = new Evaluation(model, variables, shape)
  evaluation.run({ tokens, shares })
  const [values] = await evaluation.logits()
  const nodes = new Map([...(await weightsOf(model, variables))].map(([name, w]) => [name, new Node(w)]))
  const twin = bagTwin(new Graph(), name => nodes.get(name)!, model.config as BagConfig, tokens, shares, 8)
  const { worst: by } = difference('', values!, twin.data)
  t.ok(by < 1e-5, by.toExponential(1))
  t.throws(() => modelOf(readConfig(BAG), 'masked'), { code: 'MODEL_HEAD' })
})
