/**
 * Whole models in float64, written from the papers and from Hugging Face's names, apart from the tape:
 * tokens in, the loss as a node out.
 */
import type { BagConfig, BertConfig, CnnConfig, Gpt2Config, LlamaConfig } from '../../src/index.ts'
import type { Graph, Node } from './float64.ts'

export type Find = (name: string) => Node

interface Tokens {
  readonly tokens: Uint32Array
  readonly batch: number
  readonly length: number
}

const upTo = (_: number, i: number, j: number): boolean => j <= i

/** After the last norm (batch · length, width). */
export const llamaBodyTwin = (g: Graph, p: Find, c: LlamaConfig, { tokens, batch, length }: Tokens): Node => {
  const sizes = { batch, length, heads: c.heads, kvHeads: c.kvHeads, dim: c.headWidth }
  const [queries, keys] = [c.heads * c.headWidth, c.kvHeads * c.headWidth]
  let x = g.rows(p('model.embed_tokens.weight'), tokens, c.width)
  for (let i = 0; i < c.layers; i++) {
    const w = (name: string) => p(`model.layers.${i}.${name}.weight`)
    const h = g.norm(x, w('input_layernorm'), undefined, c.epsilon)
    const q = g.rotary(
      g.linear(h, w('self_attn.q_proj'), undefined, queries),
      length,
      c.heads,
      c.headWidth,
      c.rotaryBase
    )
    const k = g.rotary(
      g.linear(h, w('self_attn.k_proj'), undefined, keys),
      length,
      c.kvHeads,
      c.headWidth,
      c.rotaryBase
    )
    const v = g.linear(h, w('self_attn.v_proj'), undefined, keys)
    x = g.add(x, g.linear(g.attention(q, k, v, sizes, upTo), w('self_attn.o_proj'), undefined, c.width))
    const n = g.norm(x, w('post_attention_layernorm'), undefined, c.epsilon)
    const gate = g.linear(n, w('mlp.gate_proj'), undefined, c.inner)
    const up = g.linear(n, w('mlp.up_proj'), undefined, c.inner)
    x = g.add(x, g.linear(g.swiglu(gate, up), w('mlp.down_proj'), undefined, c.width))
  }
  return g.norm(x, p('model.norm.weight'), undefined, c.epsilon)
}

export const llamaTwin = (g: Graph, p: Find, c: LlamaConfig, text: Tokens): Node => {
  const output = p(c.tied ? 'model.embed_tokens.weight' : 'lm_head.weight')
  return g.linear(llamaBodyTwin(g, p, c, text), output, undefined, c.vocabSize)
}

export const gpt2Twin = (g: Graph, p: Find, c: Gpt2Config, { tokens, batch, length }: Tokens): Node => {
  const sizes = { batch, length, heads: c.heads, kvHeads: c.heads, dim: c.width / c.heads }
  const places = tokens.map((_, i) => i % length)
  let x = g.add(
    g.rows(p('transformer.wte.weight'), tokens, c.width),
    g.rows(p('transformer.wpe.weight'), places, c.width)
  )
  for (let i = 0; i < c.layers; i++) {
    const at = (name: string) => p(`transformer.h.${i}.${name}`)
    const conv1d = (value: Node, name: string, outputs: number) =>
      g.linear(value, at(`${name}.weight`), at(`${name}.bias`), outputs, true)
    const norm = (value: Node, name: string) =>
      g.norm(value, at(`${name}.weight`), at(`${name}.bias`), c.epsilon)
    const all = conv1d(norm(x, 'ln_1'), 'attn.c_attn', 3 * c.width)
    const part = (j: number) => g.columns(all, 3 * c.width, j * c.width, c.width)
    x = g.add(x, conv1d(g.attention(part(0), part(1), part(2), sizes, upTo), 'attn.c_proj', c.width))
    x = g.add(x, conv1d(g.geluTanh(conv1d(norm(x, 'ln_2'), 'mlp.c_fc', c.inner)), 'mlp.c_proj', c.width))
  }
  const last = g.norm(x, p('transformer.ln_f.weight'), p('transformer.ln_f.bias'), c.epsilon)
  return g.linear(last, p('transformer.wte.weight'), undefined, c.vocabSize)
}

interface Sentences extends Tokens {
  readonly types: Uint32Array
  readonly lengths: Uint32Array
}

/** The last layer's result (batch · length, width). */
export const bertTwin = (
  g: Graph,
  p: Find,
  c: BertConfig,
  { tokens, types, lengths, batch, length }: Sentences
): Node => {
  const sizes = { batch, length, heads: c.heads, kvHeads: c.heads, dim: c.width / c.heads }
  const table = (name: string) => p(`bert.embeddings.${name}_embeddings.weight`)
  const sum = g.add(
    g.add(g.rows(table('word'), tokens, c.width), g.rows(table('token_type'), types, c.width)),
    g.rows(
      table('position'),
      tokens.map((_, i) => i % length),
      c.width
    )
  )
  const norm = (value: Node, name: string) => g.norm(value, p(`${name}.weight`), p(`${name}.bias`), c.epsilon)
  let x = norm(sum, 'bert.embeddings.LayerNorm')
  for (let i = 0; i < c.layers; i++) {
    const at = `bert.encoder.layer.${i}`
    const layer = (value: Node, name: string, outputs: number) =>
      g.linear(value, p(`${at}.${name}.weight`), p(`${at}.${name}.bias`), outputs)
    const [q, k, v] = ['query', 'key', 'value'].map(name => layer(x, `attention.self.${name}`, c.width))
    const mixed = g.attention(q!, k!, v!, sizes, (b, _, j) => j < lengths[b]!)
    const y = norm(
      g.add(layer(mixed, 'attention.output.dense', c.width), x),
      `${at}.attention.output.LayerNorm`
    )
    const fed = layer(g.gelu(layer(y, 'intermediate.dense', c.inner)), 'output.dense', c.width)
    x = norm(g.add(fed, y), `${at}.output.LayerNorm`)
  }
  return x
}

export const classifierTwin = (g: Graph, p: Find, x: Node, labels: number): Node =>
  g.linear(x, p('classifier.weight'), p('classifier.bias'), labels)

export const poolerTwin = (g: Graph, p: Find, x: Node, c: BertConfig, length: number): Node => {
  const batch = x.data.length / c.width / length
  const first = g.rows(
    x,
    Uint32Array.from({ length: batch }, (_, i) => i * length),
    c.width
  )
  return g.tanh(g.linear(first, p('bert.pooler.dense.weight'), p('bert.pooler.dense.bias'), c.width))
}

export const maskedTwin = (g: Graph, p: Find, x: Node, c: BertConfig, picks: Uint32Array): Node => {
  const at = 'cls.predictions.transform'
  const chosen = g.rows(x, picks, c.width)
  const bent = g.gelu(g.linear(chosen, p(`${at}.dense.weight`), p(`${at}.dense.bias`), c.width))
  const normed = g.norm(bent, p(`${at}.LayerNorm.weight`), p(`${at}.LayerNorm.bias`), c.epsilon)
  const words = p('bert.embeddings.word_embeddings.weight')
  return g.linear(normed, words, p('cls.predictions.bias'), c.vocabSize)
}

export const cnnTwin = (g: Graph, p: Find, c: CnnConfig, images: Node, batch: number): Node => {
  let x = images
  let size = c.imageSize
  c.channels.forEach((outputs, i) => {
    const inputs = i === 0 ? c.imageChannels : c.channels[i - 1]!
    const conv = g.convolution(x, p(`conv.${i}.weight`), p(`conv.${i}.bias`), {
      batch,
      size,
      window: 3,
      inputs,
      outputs
    })
    x = g.pooling(g.relu(conv), batch, size, outputs)
    size /= 2
  })
  const h = g.relu(g.linear(x, p('dense.weight'), p('dense.bias'), c.width))
  return classifierTwin(g, p, h, c.labels)
}

export const bagTwin = (
  g: Graph,
  p: Find,
  c: BagConfig,
  tokens: Uint32Array,
  shares: Float32Array,
  length: number
): Node => g.weighed(g.rows(p('embeddings.weight'), tokens, c.width), shares, length, c.width)
