/** Small configurations in Hugging Face's form. */
export const LLAMA = {
  model_type: 'llama',
  vocab_size: 24,
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  max_position_embeddings: 32,
  rms_norm_eps: 1e-5,
  initializer_range: 0.3
}

export const GPT2 = {
  model_type: 'gpt2',
  vocab_size: 24,
  n_embd: 24,
  n_layer: 2,
  n_head: 3,
  n_positions: 32,
  embd_pdrop: 0,
  resid_pdrop: 0,
  initializer_range: 0.3
}

export const BERT = {
  model_type: 'bert',
  vocab_size: 24,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 40,
  max_position_embeddings: 16,
  hidden_dropout_prob: 0,
  initializer_range: 0.3,
  num_labels: 4
}

export const CNN = {
  model_type: 'cnn',
  image_size: 8,
  num_channels: 1,
  channels: [4, 8],
  hidden_size: 12,
  num_labels: 4
}

export const BAG = {
  model_type: 'bag',
  vocab_size: 24,
  hidden_size: 12,
  initializer_range: 0.3,
  num_labels: 4
}
