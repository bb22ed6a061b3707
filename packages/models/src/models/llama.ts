/** A decoder of Llama's shape: RMS norm before each block, rotary positions, grouped queries, SwiGLU. */
import { swiglu } from '../blocks/activations.ts'
import { rotary, type Turns, turns } from '../blocks/attention.ts'
import { linear } from '../blocks/linear.ts'
import { rmsNorm } from '../blocks/norms.ts'
import { embedding } from '../blocks/rows.ts'
import type { LlamaConfig } from '../config.ts'
import type { Tape, Value } from '../tape.ts'
import type { ModelTensor } from '../types.ts'
import { causalAttention, decoderOutputs, decoderTensors } from './decoder.ts'
import { type BatchShape, dense, drawn, type Head, type Model, ones } from './model.ts'

const EMBEDDING = 'model.embed_tokens.weight'

const tensorsOf = (c: LlamaConfig, head: Head): ModelTensor[] => {
  const spread = c.initSpread
  const [queries, keys] = [c.heads * c.headWidth, c.kvHeads * c.headWidth]
  const layer = (i: number): ModelTensor[] => {
    const at = `model.layers.${i}`
    const attention = { spread, bias: c.attentionBias }
    const mlp = { spread, bias: c.mlpBias }
    return [
      ones(`${at}.input_layernorm.weight`, [c.width]),
      ...dense(`${at}.self_attn.q_proj`, queries, c.width, attention),
      ...dense(`${at}.self_attn.k_proj`, keys, c.width, attention),
      ...dense(`${at}.self_attn.v_proj`, keys, c.width, attention),
      ...dense(`${at}.self_attn.o_proj`, c.width, queries, attention),
      ones(`${at}.post_attention_layernorm.weight`, [c.width]),
      ...dense(`${at}.mlp.gate_proj`, c.inner, c.width, mlp),
      ...dense(`${at}.mlp.up_proj`, c.inner, c.width, mlp),
      ...dense(`${at}.mlp.down_proj`, c.width, c.inner, mlp)
    ]
  }
  return [
    drawn(EMBEDDING, [c.vocabSize, c.width], spread),
    ...Array.from({ length: c.layers }, (_, i) => layer(i)).flat(),
    ones('model.norm.weight', [c.width]),
    ...(head === 'sequence' ? dense('score', c.labels, c.width, { spread, bias: false }) : []),
    ...(head === 'causal' && !c.tied ? dense('lm_head', c.vocabSize, c.width, { spread, bias: false }) : [])
  ]
}

const layerOf = (t: Tape, c: LlamaConfig, at: string, x: Value, shape: BatchShape, turn: Turns): Value => {
  const rows = shape.batch * shape.length
  const norm = { rows, columns: c.width, epsilon: c.epsilon }
  const [queries, keys] = [c.heads * c.headWidth, c.kvHeads * c.headWidth]
  const bias = c.attentionBias
  const h = rmsNorm(t, x, `${at}.input_layernorm`, norm)
  const project = (name: string, outputs: number) =>
    linear(t, h, `${at}.self_attn.${name}`, { rows, inputs: c.width, outputs, bias })
  const turned = (value: Value, heads: number) =>
    rotary(t, value, turn, { tokens: rows, heads, dim: c.headWidth, period: shape.length })
  const mixed = causalAttention(
    t,
    at,
    {
      q: turned(project('q_proj', queries), c.heads),
      k: turned(project('k_proj', keys), c.kvHeads),
      v: project('v_proj', keys)
    },
    shape,
    { heads: c.heads, kvHeads: c.kvHeads, dim: c.headWidth, lengthMax: c.lengthMax }
  )
  const y = linear(t, mixed, `${at}.self_attn.o_proj`, { rows, inputs: queries, outputs: c.width, bias }, x)
  const g = rmsNorm(t, y, `${at}.post_attention_layernorm`, norm)
  const inner = (name: string) =>
    linear(t, g, `${at}.mlp.${name}`, { rows, inputs: c.width, outputs: c.inner, bias: c.mlpBias })
  const bent = swiglu(t, inner('gate_proj'), inner('up_proj'))
  return linear(
    t,
    bent,
    `${at}.mlp.down_proj`,
    { rows, inputs: c.inner, outputs: c.width, bias: c.mlpBias },
    y
  )
}

export const llama = (config: LlamaConfig, head: Head): Model => ({
  config,
  head,
  tensors: decoderTensors('llama', head, () => tensorsOf(config, head)),
  adapterScale: 1,
  outputs(t, shape) {
    const { width, vocabSize, labels, layers, headWidth, lengthMax } = config
    const rows = shape.batch * shape.length
    const at = shape.cached === true ? t.input('u32', 'positions', shape.length) : undefined
    const table = { dim: headWidth, base: config.rotaryBase, length: shape.length, positionsMax: lengthMax }
    const turn = turns(t, table, at)
    let x = embedding(t, t.input('u32', 'tokens', rows), t.parameter(EMBEDDING), width)
    for (let i = 0; i < layers; i++) {
      const layer = () => layerOf(t, config, `model.layers.${i}`, x, shape, turn)
      x = shape.checkpoint === true ? t.checkpoint(layer) : layer()
    }
    const normed = rmsNorm(t, x, 'model.norm', { rows, columns: width, epsilon: config.epsilon })
    const output = config.tied ? EMBEDDING : 'lm_head.weight'
    return decoderOutputs(t, normed, shape, { head, width, vocabSize, labels, output })
  }
})
