import t from 'tap'
import { type CnnConfig, modelOf, readConfig } from '../../src/index.ts'
import { Node } from '../support/float64.ts'
import { gradientsEqual, prng } from '../support/gradients.ts'
import { CNN } from '../support/small.ts'
import { cnnTwin } from '../support/twins.ts'

t.test('gradients equal those in float64', t =>
  gradientsEqual(t, async check => {
    const cnn = modelOf(readConfig(CNN), 'sequence')
    const images = Float32Array.from({ length: 3 * 64 }, () => prng.below(1024) / 1024)
    const digits = { labels: Uint32Array.of(0, 2, 1), weights: Float32Array.of(0.2, 0.3, 0.5) }
    await check('cnn', cnn, { batch: 3, length: 1 }, { images, ...digits }, (g, p) =>
      g.crossEntropy(
        cnnTwin(g, p, cnn.config as CnnConfig, new Node(images), 3),
        digits.labels,
        digits.weights
      )
    )
  })
)
