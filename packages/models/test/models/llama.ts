import t from 'tap'
import { type LlamaConfig, modelOf, readConfig } from '../../src/index.ts'
import { drawn, each, gradientsEqual, real, rows, shape, text, tokens } from '../support/gradients.ts'
import { LLAMA } from '../support/small.ts'
import { llamaBodyTwin, llamaTwin } from '../support/twins.ts'

const labels = drawn(rows, 24)

t.test('gradients equal those in float64', t =>
  gradientsEqual(t, async check => {
    for (const checkpoint of [false, true]) {
      for (const tied of [false, true]) {
        const model = modelOf(readConfig({ ...LLAMA, tie_word_embeddings: tied }), 'causal')
        await check(
          `llama, tied ${tied}, checkpoint ${checkpoint}`,
          model,
          { ...shape, checkpoint },
          { tokens, labels, weights: real },
          (g, p) => g.crossEntropy(llamaTwin(g, p, model.config as LlamaConfig, text), labels, real)
        )
      }
    }

    const ranker = modelOf(readConfig({ ...LLAMA, num_labels: 4 }), 'sequence')
    const last = Uint32Array.of(7, 11)
    await check(
      'llama, a label a sequence',
      ranker,
      shape,
      { tokens, last, labels: Uint32Array.of(3, 1), weights: each },
      (g, p) => {
        const chosen = g.rows(llamaBodyTwin(g, p, ranker.config as LlamaConfig, text), last, 24)
        return g.crossEntropy(g.linear(chosen, p('score.weight'), undefined, 4), [3, 1], each)
      }
    )
  })
)
