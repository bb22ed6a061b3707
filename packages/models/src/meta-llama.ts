/**
 * Llama checkpoints in their original release's form: other names, and rotary positions that turn neighbours
 * (2i, 2i + 1) where Hugging Face turns the halves (i, i + dim / 2). Rows of queries and keys are put in
 * Hugging Face's order on the way in, which gives the same model.
 */
import { MeshError } from '@gradmesh/core'

type Json = Readonly<Record<string, unknown>>

export const isMetaConfig = (json: unknown): json is Json =>
  typeof json === 'object' && json !== null && 'dim' in json && 'n_layers' in json && !('model_type' in json)

/** The same model as a Hugging Face `config.json`. */
export const metaConfig = (json: Json): Json => {
  const layout = json.rope_layout
  if (typeof layout === 'string' && !layout.startsWith('interleaved')) {
    throw new MeshError('MODEL_CONFIG', 'config.json: rope_layout must be interleaved in this form', {
      remedy: 'bring the checkpoint into the form of Hugging Face',
      data: { field: 'rope_layout' }
    })
  }
  return {
    model_type: 'llama',
    vocab_size: json.vocab_size,
    hidden_size: json.dim,
    intermediate_size: json.hidden_dim,
    num_hidden_layers: json.n_layers,
    num_attention_heads: json.n_heads,
    num_key_value_heads: json.n_kv_heads ?? json.n_heads,
    max_position_embeddings: json.max_seq_len,
    rms_norm_eps: json.norm_eps,
    rope_theta: json.rope_theta ?? 10_000,
    tie_word_embeddings: json.tied_embeddings ?? false,
    bos_token_id: json.bos_id,
    eos_token_id: json.eos_id
  }
}

const OUTER: Readonly<Record<string, string>> = {
  'tok_embeddings.weight': 'model.embed_tokens.weight',
  'norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight'
}
const INNER: Readonly<Record<string, string>> = {
  'attention.wq': 'self_attn.q_proj',
  'attention.wk': 'self_attn.k_proj',
  'attention.wv': 'self_attn.v_proj',
  'attention.wo': 'self_attn.o_proj',
  attention_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  'feed_forward.w1': 'mlp.gate_proj',
  'feed_forward.w2': 'mlp.down_proj',
  'feed_forward.w3': 'mlp.up_proj'
}

/** Hugging Face's name; the name itself where it has none here. */
export const metaName = (name: string): string => {
  const [, layer, inner] = /^layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? []
  const known = inner === undefined ? undefined : INNER[inner]
  return known === undefined ? (OUTER[name] ?? name) : `model.layers.${layer}.${known}.weight`
}

export const turnsRows = (metaName: string): boolean => /\.attention\.w[qk]\.weight$/.test(metaName)

/** Rows (heads, dim / 2, 2) become (heads, 2, dim / 2). `width` is that of a head. */
export const halvesFromNeighbours = (weights: Float32Array, inputs: number, width: number): Float32Array => {
  const out = new Float32Array(weights.length)
  for (let row = 0; row < weights.length / inputs; row++) {
    const inHead = row % width
    const to = row - inHead + (inHead % 2) * (width / 2) + Math.floor(inHead / 2)
    out.set(weights.subarray(row * inputs, (row + 1) * inputs), to * inputs)
  }
  return out
}
