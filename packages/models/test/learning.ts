/** A decoder from scratch learns letters: the loss falls well below that of guessing by frequency. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Prng } from '@gradmesh/core'
import { openDevice } from '@gradmesh/tensor'
import t from 'tap'
import { Evaluation, Training } from '../src/index.ts'
import { Corpus } from './support/corpus.ts'
import { SHARED } from './support/stories.ts'
import { start } from './support/tiny.ts'

const file = join(SHARED, 'lm-shakespeare', 'input.txt')
const skip = existsSync(file) ? false : 'no ../shared/data/lm-shakespeare'

const STEPS = 200
const shape = { batch: 8, length: 32 }
const rows = 256

t.test('letters of Shakespeare', { skip }, async t => {
  using device = await openDevice()
  const text = readFileSync(file, 'utf8')
  const letters = [...new Set(text)].toSorted()
  const corpus = new Corpus(Uint32Array.from(text, letter => letters.indexOf(letter)))
  const { model, variables } = start(
    device,
    {
      model_type: 'llama',
      vocab_size: 68,
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      max_position_embeddings: 32,
      tie_word_embeddings: true,
      initializer_range: 0.1
    },
    'causal'
  )
  const weights = new Float32Array(rows).fill(1 / rows)
  const training = new Training(model, variables, { shape, normMax: 1 })
  const evaluation = new Evaluation(model, variables, shape, true)
  const heldOut = async () => {
    for (let i = 0; i < 8; i++) evaluation.run({ ...corpus.heldOut(i, shape.batch, shape.length), weights })
    return (await evaluation.loss()) / 8
  }
  const before = await heldOut()
  const prng = new Prng('letters')
  for (let step = 0; step < STEPS; step++) {
    training.step({ ...corpus.draw(prng, shape.batch, shape.length), weights }, 1e-2)
    await device.room()
  }
  const after = await heldOut()
  // 3.3 nats by frequency alone, 2.5 by pairs.
  t.ok(before > 4 && after < 2.6, `${before.toFixed(2)} nats a letter before, ${after.toFixed(2)} after`)
})
