import t from 'tap'
import { type Gpt2Config, modelOf, readConfig } from '../../src/index.ts'
import { drawn, gradientsEqual, real, rows, shape, text, tokens } from '../support/gradients.ts'
import { GPT2 } from '../support/small.ts'
import { gpt2Twin } from '../support/twins.ts'

t.test('gradients equal those in float64', t =>
  gradientsEqual(t, async check => {
    const labels = drawn(rows, 24)
    const gpt2 = modelOf(readConfig(GPT2), 'causal')
    await check('gpt2', gpt2, shape, { tokens, labels, weights: real }, (g, p) =>
      g.crossEntropy(gpt2Twin(g, p, gpt2.config as Gpt2Config, text), labels, real)
    )
  })
)
