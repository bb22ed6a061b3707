/**
 * A bag of tokens, our own: the sum of their embeddings, each by its share, then a dense layer (Joulin et al., "Bag of
 * tricks for efficient text classification", 2016). Tokens may be pieces of words, or what their pairs hash to.
 */
import { dropout } from '../blocks/activations.ts'
import { linear } from '../blocks/linear.ts'
import { embedding, sumRows } from '../blocks/rows.ts'
import type { BagConfig } from '../config.ts'
import type { Tape, Value } from '../tape.ts'
import {
  type BatchShape,
  dense,
  drawn,
  type Head,
  type Model,
  type Output,
  unsupportedHead
} from './model.ts'

const TABLE = 'embeddings.weight'

const classified = (t: Tape, c: BagConfig, x: Value, batch: number): readonly Output[] => {
  const shape = { rows: batch, inputs: c.width, outputs: c.labels, bias: true }
  const value = linear(t, dropout(t, x, c.dropout), 'classifier', shape)
  return [{ name: 'logits', value, rows: batch, columns: c.labels }]
}

/** The inputs `tokens` u32 and `shares` f32 (batch · length): what each token counts; 0 for padding. */
export const bag = (config: BagConfig, head: Head): Model => ({
  config,
  head,
  tensors: [
    drawn(TABLE, [config.vocabSize, config.width], config.initSpread),
    ...(head === 'sequence'
      ? dense('classifier', config.labels, config.width, { spread: 1 / Math.sqrt(config.width) })
      : head === 'embedding'
        ? []
        : unsupportedHead('bag', head))
  ],
  adapterScale: 1,
  outputs(t, { batch, length }: BatchShape) {
    const { width } = config
    const rows = embedding(t, t.input('u32', 'tokens', batch * length), t.parameter(TABLE), width)
    const sum = sumRows(t, rows, t.input('f32', 'shares', batch * length), { batch, length, width })
    if (head === 'sequence') return classified(t, config, sum, batch)
    return [{ name: 'embedding', value: sum, rows: batch, columns: width }]
  }
})
