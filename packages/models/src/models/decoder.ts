/** What the decoders share: causal attention with or without a cache, and their heads. */
import { attention, cached, type Heads } from '../blocks/attention.ts'
import { linear, product } from '../blocks/linear.ts'
import { pickRows } from '../blocks/rows.ts'
import type { Numbers, Tape, Value } from '../tape.ts'
import type { ModelTensor } from '../types.ts'
import { type BatchShape, embedded, type Head, type Output, unsupportedHead } from './model.ts'

export interface HeadShape {
  readonly heads: number
  readonly kvHeads: number
  readonly dim: number
  readonly lengthMax: number
}

/** `name` tells the layers' caches apart. */
export const causalAttention = (
  t: Tape,
  name: string,
  { q, k, v }: Heads,
  shape: BatchShape,
  { heads, kvHeads, dim, lengthMax }: HeadShape
): Value => {
  const { batch, length } = shape
  const scalars = { batch, queries: length, keys: length, heads, kvHeads, dim, scale: 1 / Math.sqrt(dim) }
  if (shape.cached !== true) return attention(t, { q, k, v }, scalars, { causal: true })
  const at = { positions: t.input('u32', 'positions', length), positionsMax: lengthMax }
  const keep = { q, k: cached(t, `cache ${name}.k`, k, at), v: cached(t, `cache ${name}.v`, v, at) }
  const now = ({ keys = length }: Numbers) => ({ keys })
  return attention(t, keep, { ...scalars, keys: lengthMax }, { causal: true, now })
}

/**
 * Logits from x (batch · length, width). `causal`: of every token, by `output` (vocabSize, width); of a cached
 * sequence only the last. `sequence`: from the row of each sequence that the input `last` names.
 */
export const decoderOutputs = (
  t: Tape,
  x: Value,
  shape: BatchShape,
  {
    head,
    width,
    vocabSize,
    labels,
    output
  }: {
    readonly head: Head
    readonly width: number
    readonly vocabSize: number
    readonly labels: number
    /** Name of the output matrix. */
    readonly output: string
  }
): readonly Output[] => {
  if (head === 'embedding') return embedded(t, x, shape)
  if (head === 'sequence') {
    const last = pickRows(t, x, t.input('u32', 'last', shape.batch), width)
    const value = linear(t, last, 'score', { rows: shape.batch, inputs: width, outputs: labels })
    return [{ name: 'logits', value, rows: shape.batch, columns: labels }]
  }
  const hidden = shape.cached === true ? pickRows(t, x, t.input('u32', 'last', 1), width) : x
  const rows = hidden.length / width
  const value = product(t, hidden, t.parameter(output), { rows, inputs: width, outputs: vocabSize })
  return [{ name: 'logits', value, rows, columns: vocabSize }]
}

const DECODER_HEADS: readonly Head[] = ['causal', 'sequence', 'embedding']

/** The tensors, if decoders have the head. Throws MODEL_HEAD. */
export const decoderTensors = (type: string, head: Head, tensors: () => ModelTensor[]): ModelTensor[] =>
  DECODER_HEADS.includes(head) ? tensors() : unsupportedHead(type, head)
