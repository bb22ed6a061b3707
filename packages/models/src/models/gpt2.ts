/** A decoder of GPT-2's shape: layer norm before each block, learned positions, GELU, weights as (in, out). */
import { activate, add, dropout } from '../blocks/activations.ts'
import { linear } from '../blocks/linear.ts'
import { layerNorm } from '../blocks/norms.ts'
import { embedding, split } from '../blocks/rows.ts'
import type { Gpt2Config } from '../config.ts'
import type { Tape, Value } from '../tape.ts'
import type { ModelTensor } from '../types.ts'
import { causalAttention, decoderOutputs, decoderTensors } from './decoder.ts'
import {
  type BatchShape,
  dense,
  drawn,
  type Head,
  layerNormTensors,
  type Model,
  positionsOf,
  zeros
} from './model.ts'

const TOKENS = 'transformer.wte.weight'
const POSITIONS = 'transformer.wpe.weight'

const tensorsOf = (c: Gpt2Config, head: Head): ModelTensor[] => {
  const spread = c.initSpread
  // What is added to the residual stream starts smaller, by the number of additions (Radford et al., 2019).
  const added = spread / Math.sqrt(2 * c.layers)
  const conv1d = (name: string, inputs: number, outputs: number, wide: number): ModelTensor[] => [
    drawn(`${name}.weight`, [inputs, outputs], wide),
    zeros(`${name}.bias`, [outputs])
  ]
  const layer = (i: number): ModelTensor[] => {
    const at = `transformer.h.${i}`
    return [
      ...layerNormTensors(`${at}.ln_1`, c.width),
      ...conv1d(`${at}.attn.c_attn`, c.width, 3 * c.width, spread),
      ...conv1d(`${at}.attn.c_proj`, c.width, c.width, added),
      ...layerNormTensors(`${at}.ln_2`, c.width),
      ...conv1d(`${at}.mlp.c_fc`, c.width, c.inner, spread),
      ...conv1d(`${at}.mlp.c_proj`, c.inner, c.width, added)
    ]
  }
  return [
    drawn(TOKENS, [c.vocabSize, c.width], spread),
    drawn(POSITIONS, [c.lengthMax, c.width], spread),
    ...Array.from({ length: c.layers }, (_, i) => layer(i)).flat(),
    ...layerNormTensors('transformer.ln_f', c.width),
    ...(head === 'sequence' ? dense('score', c.labels, c.width, { spread, bias: false }) : []),
    ...(head === 'causal' && !c.tied ? dense('lm_head', c.vocabSize, c.width, { spread, bias: false }) : [])
  ]
}

const layerOf = (t: Tape, c: Gpt2Config, at: string, x: Value, shape: BatchShape): Value => {
  const rows = shape.batch * shape.length
  const norm = { rows, columns: c.width, epsilon: c.epsilon }
  const conv1d = (value: Value, name: string, inputs: number, outputs: number, residual?: Value) =>
    linear(t, value, `${at}.${name}`, { rows, inputs, outputs, bias: true, transposed: true }, residual)
  /** x + dropout(layer(value)): one product with the sum in its epilogue where nothing drops. */
  const onto = (base: Value, value: Value, name: string, inputs: number) =>
    t.training && c.residualDropout > 0
      ? add(t, base, dropout(t, conv1d(value, name, inputs, c.width), c.residualDropout))
      : conv1d(value, name, inputs, c.width, base)
  const all = conv1d(layerNorm(t, x, `${at}.ln_1`, norm), 'attn.c_attn', c.width, 3 * c.width)
  const [q, k, v] = split(t, all, rows, 3) as [Value, Value, Value]
  const sizes = { heads: c.heads, kvHeads: c.heads, dim: c.width / c.heads, lengthMax: c.lengthMax }
  const y = onto(x, causalAttention(t, at, { q, k, v }, shape, sizes), 'attn.c_proj', c.width)
  const inner = conv1d(layerNorm(t, y, `${at}.ln_2`, norm), 'mlp.c_fc', c.width, c.inner)
  return onto(y, activate(t, inner, c.activation), 'mlp.c_proj', c.inner)
}

export const gpt2 = (config: Gpt2Config, head: Head): Model => ({
  config,
  head,
  tensors: decoderTensors('gpt2', head, () => tensorsOf(config, head)),
  adapterScale: 1,
  outputs(t, shape) {
    const { width, vocabSize, labels } = config
    const rows = shape.batch * shape.length
    const tokens = embedding(t, t.input('u32', 'tokens', rows), t.parameter(TOKENS), width)
    const places = embedding(t, positionsOf(t, shape), t.parameter(POSITIONS), width)
    let x = dropout(t, add(t, tokens, places), config.embeddingDropout)
    for (let i = 0; i < config.layers; i++) {
      const layer = () => layerOf(t, config, `transformer.h.${i}`, x, shape)
      x = shape.checkpoint === true ? t.checkpoint(layer) : layer()
    }
    const normed = layerNorm(t, x, 'transformer.ln_f', { rows, columns: width, epsilon: config.epsilon })
    const output = config.tied ? TOKENS : 'lm_head.weight'
    return decoderOutputs(t, normed, shape, { head, width, vocabSize, labels, output })
  }
})
