import t, { type Test } from 'tap'
import { modelOf, readConfig } from '../src/index.ts'
import { isMetaConfig, metaConfig } from '../src/meta-llama.ts'
import { elements } from '../src/types.ts'
import { BERT, CNN, GPT2, LLAMA } from './support/small.ts'

const refused = (t: Test, json: unknown, field: string) =>
  t.throws(() => readConfig(json), { code: 'MODEL_CONFIG', data: { field } }, field)

t.test('every field is known, or refused by its name', async t => {
  refused(t, null, 'the file')
  refused(t, [], 'the file')
  refused(t, {}, 'model_type')
  refused(t, { model_type: 'mamba' }, 'model_type')
  refused(t, { model_type: 'constructor' }, 'model_type')
  refused(t, { ...LLAMA, sliding_window: 4096 }, 'sliding_window')
  refused(t, { ...LLAMA, rope_scaling: { type: 'linear', factor: 2 } }, 'rope_scaling')
  refused(t, { ...LLAMA, hidden_act: 'relu' }, 'hidden_act')
  refused(t, { ...LLAMA, hidden_size: 0 }, 'hidden_size')
  refused(t, { ...LLAMA, hidden_size: '24' }, 'hidden_size')
  refused(t, { ...LLAMA, num_key_value_heads: 3 }, 'num_key_value_heads')
  refused(t, { ...LLAMA, head_dim: 6 }, 'head_dim')
  refused(t, { ...LLAMA, rms_norm_eps: -1 }, 'rms_norm_eps')
  refused(t, { ...GPT2, n_head: 5 }, 'n_head')
  refused(t, { ...GPT2, scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx')
  refused(t, { ...GPT2, activation_function: 'swish' }, 'activation_function')
  refused(t, { ...GPT2, resid_pdrop: 1 }, 'resid_pdrop')
  refused(t, { ...BERT, position_embedding_type: 'relative_key' }, 'position_embedding_type')
  refused(t, { ...BERT, is_decoder: true }, 'is_decoder')
  refused(t, { ...CNN, channels: [4, 4, 4, 4] }, 'channels')
  refused(t, { ...CNN, channels: [] }, 'channels')
  refused(t, { ...CNN, kernel_size: 5 }, 'kernel_size')
})

t.test('a field that is null counts as left out', async t => {
  t.match(readConfig({ ...LLAMA, rope_scaling: null, num_key_value_heads: null }), { kvHeads: 4 })
})

t.test('labels are those that id2label names', async t => {
  t.match(readConfig({ ...BERT, num_labels: undefined, id2label: { 0: 'O', 1: 'B', 2: 'I' } }), { labels: 3 })
})

t.test('the published sizes come out', async t => {
  const count = (json: object, head: 'causal' | 'masked') =>
    modelOf(readConfig(json), head).tensors.reduce((sum, tensor) => sum + elements(tensor), 0)
  t.equal(count({ model_type: 'gpt2' }, 'causal'), 124_439_808, 'GPT-2')
  t.equal(count({ model_type: 'bert' }, 'masked'), 110_106_428, 'BERT base with both heads')
  const tinyLlama = {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    bos_token_id: 1,
    hidden_act: 'silu',
    hidden_size: 2048,
    intermediate_size: 5632,
    max_position_embeddings: 2048,
    num_attention_heads: 32,
    num_hidden_layers: 22,
    num_key_value_heads: 4,
    torch_dtype: 'bfloat16',
    use_cache: true,
    vocab_size: 32_000
  }
  t.equal(count(tinyLlama, 'causal'), 1_100_048_384, 'TinyLlama')
})

t.test('heads', async t => {
  t.throws(() => modelOf(readConfig(LLAMA), 'masked'), { code: 'MODEL_HEAD' })
  t.throws(() => modelOf(readConfig(BERT), 'causal'), { code: 'MODEL_HEAD' })
  t.throws(() => modelOf(readConfig(CNN), 'tokens'), { code: 'MODEL_HEAD' })
})

t.test('the original form of Llama’s configuration', async t => {
  const json = {
    dim: 64,
    hidden_dim: 172,
    n_layers: 5,
    n_heads: 8,
    n_kv_heads: 4,
    vocab_size: 512,
    max_seq_len: 512,
    norm_eps: 1e-5,
    tied_embeddings: true
  }
  t.ok(isMetaConfig(json))
  t.notOk(isMetaConfig(LLAMA))
  t.match(readConfig(metaConfig(json)), { type: 'llama', width: 64, kvHeads: 4, headWidth: 8, tied: true })
  t.throws(() => metaConfig({ ...json, rope_layout: 'halves' }), { code: 'MODEL_CONFIG' })
})
