/** An encoder of BERT's shape: layer norm after each block, learned positions and sentence types. */
import { activate, add, dropout } from '../blocks/activations.ts'
import { attention } from '../blocks/attention.ts'
import { linear, product } from '../blocks/linear.ts'
import { layerNorm } from '../blocks/norms.ts'
import { embedding, pickRows } from '../blocks/rows.ts'
import type { BertConfig } from '../config.ts'
import type { Tape, Value } from '../tape.ts'
import type { ModelTensor } from '../types.ts'
import {
  type BatchShape,
  dense,
  drawn,
  embedded,
  type Head,
  layerNormTensors,
  type Model,
  type Output,
  positionsOf,
  unsupportedHead,
  zeros
} from './model.ts'

const WORDS = 'bert.embeddings.word_embeddings.weight'

const headTensors = (c: BertConfig, head: Head): ModelTensor[] => {
  const spread = c.initSpread
  const pooler = dense('bert.pooler.dense', c.width, c.width, { spread })
  switch (head) {
    case 'tokens':
      return dense('classifier', c.labels, c.width, { spread })
    case 'sequence':
      return [...pooler, ...dense('classifier', c.labels, c.width, { spread })]
    case 'masked':
      return [
        ...pooler,
        zeros('cls.predictions.bias', [c.vocabSize]),
        ...dense('cls.predictions.transform.dense', c.width, c.width, { spread }),
        ...layerNormTensors('cls.predictions.transform.LayerNorm', c.width),
        ...(c.tied ? [] : [drawn('cls.predictions.decoder.weight', [c.vocabSize, c.width], spread)]),
        ...dense('cls.seq_relationship', 2, c.width, { spread })
      ]
    case 'embedding':
      return []
    default:
      return unsupportedHead('bert', head)
  }
}

const tensorsOf = (c: BertConfig, head: Head): ModelTensor[] => {
  const spread = c.initSpread
  const layer = (i: number): ModelTensor[] => {
    const at = `bert.encoder.layer.${i}`
    return [
      ...['query', 'key', 'value'].flatMap(name =>
        dense(`${at}.attention.self.${name}`, c.width, c.width, { spread })
      ),
      ...dense(`${at}.attention.output.dense`, c.width, c.width, { spread }),
      ...layerNormTensors(`${at}.attention.output.LayerNorm`, c.width),
      ...dense(`${at}.intermediate.dense`, c.inner, c.width, { spread }),
      ...dense(`${at}.output.dense`, c.width, c.inner, { spread }),
      ...layerNormTensors(`${at}.output.LayerNorm`, c.width)
    ]
  }
  return [
    drawn(WORDS, [c.vocabSize, c.width], spread),
    drawn('bert.embeddings.position_embeddings.weight', [c.lengthMax, c.width], spread),
    drawn('bert.embeddings.token_type_embeddings.weight', [c.types, c.width], spread),
    ...layerNormTensors('bert.embeddings.LayerNorm', c.width),
    ...Array.from({ length: c.layers }, (_, i) => layer(i)).flat(),
    ...headTensors(c, head)
  ]
}

/** The inputs `tokens`, `types` u32 (batch · length) and `lengths` u32 (batch). */
const firstLayer = (t: Tape, c: BertConfig, shape: BatchShape): Value => {
  const rows = shape.batch * shape.length
  const by = (index: Value, name: string) =>
    embedding(t, index, t.parameter(`bert.embeddings.${name}_embeddings.weight`), c.width)
  const sum = add(
    t,
    add(t, by(t.input('u32', 'tokens', rows), 'word'), by(positionsOf(t, shape), 'position')),
    by(t.input('u32', 'types', rows), 'token_type')
  )
  const norm = { rows, columns: c.width, epsilon: c.epsilon }
  return dropout(t, layerNorm(t, sum, 'bert.embeddings.LayerNorm', norm), c.dropout)
}

const layerOf = (t: Tape, c: BertConfig, at: string, x: Value, shape: BatchShape): Value => {
  const { batch, length } = shape
  const rows = batch * length
  const norm = { rows, columns: c.width, epsilon: c.epsilon }
  const layer = (value: Value, name: string, inputs: number, outputs: number) =>
    linear(t, value, `${at}.${name}`, { rows, inputs, outputs, bias: true })
  const project = (name: string) => layer(x, `attention.self.${name}`, c.width, c.width)
  const dim = c.width / c.heads
  const mixed = attention(
    t,
    { q: project('query'), k: project('key'), v: project('value') },
    {
      batch,
      queries: length,
      keys: length,
      heads: c.heads,
      kvHeads: c.heads,
      dim,
      scale: 1 / Math.sqrt(dim)
    },
    { lengths: t.input('u32', 'lengths', batch) }
  )
  const attended = dropout(t, layer(mixed, 'attention.output.dense', c.width, c.width), c.dropout)
  const y = layerNorm(t, attended, `${at}.attention.output.LayerNorm`, norm, x)
  const bent = activate(t, layer(y, 'intermediate.dense', c.width, c.inner), c.activation)
  const fed = dropout(t, layer(bent, 'output.dense', c.inner, c.width), c.dropout)
  return layerNorm(t, fed, `${at}.output.LayerNorm`, norm, y)
}

/** tanh of a dense layer on the first token of each sequence. */
const pooled = (t: Tape, c: BertConfig, x: Value, { batch, length }: BatchShape): Value => {
  const first = t.constant(`first ${batch} ${length}`, () =>
    Uint32Array.from({ length: batch }, (_, i) => i * length)
  )
  const shape = { rows: batch, inputs: c.width, outputs: c.width, bias: true }
  return activate(t, linear(t, pickRows(t, x, first, c.width), 'bert.pooler.dense', shape), 'tanh')
}

const classified = (t: Tape, c: BertConfig, x: Value, rows: number): readonly Output[] => {
  const kept = dropout(t, x, c.classifierDropout)
  const value = linear(t, kept, 'classifier', { rows, inputs: c.width, outputs: c.labels, bias: true })
  return [{ name: 'logits', value, rows, columns: c.labels }]
}

/** The input `picks` u32 (picks) names the rows whose token is asked for. */
const unmasked = (t: Tape, c: BertConfig, x: Value, shape: BatchShape): readonly Output[] => {
  const rows = shape.picks ?? shape.batch * shape.length
  const chosen = pickRows(t, x, t.input('u32', 'picks', rows), c.width)
  const square = { rows, inputs: c.width, outputs: c.width, bias: true }
  const bent = activate(t, linear(t, chosen, 'cls.predictions.transform.dense', square), c.activation)
  const normed = layerNorm(t, bent, 'cls.predictions.transform.LayerNorm', {
    rows,
    columns: c.width,
    epsilon: c.epsilon
  })
  const words = t.parameter(c.tied ? WORDS : 'cls.predictions.decoder.weight')
  const bias = t.parameter('cls.predictions.bias')
  const value = product(t, normed, words, { rows, inputs: c.width, outputs: c.vocabSize }, { bias })
  const pair = { rows: shape.batch, inputs: c.width, outputs: 2, bias: true }
  const next = linear(t, pooled(t, c, x, shape), 'cls.seq_relationship', pair)
  return [
    { name: 'logits', value, rows, columns: c.vocabSize },
    { name: 'next', value: next, rows: shape.batch, columns: 2 }
  ]
}

export const bert = (config: BertConfig, head: Head): Model => ({
  config,
  head,
  tensors: tensorsOf(config, head),
  adapterScale: 1,
  outputs(t, shape) {
    let x = firstLayer(t, config, shape)
    for (let i = 0; i < config.layers; i++) {
      const layer = () => layerOf(t, config, `bert.encoder.layer.${i}`, x, shape)
      x = shape.checkpoint === true ? t.checkpoint(layer) : layer()
    }
    if (head === 'embedding') return embedded(t, x, shape)
    if (head === 'masked') return unmasked(t, config, x, shape)
    if (head === 'tokens') return classified(t, config, x, shape.batch * shape.length)
    return classified(t, config, pooled(t, config, x, shape), shape.batch)
  }
})
