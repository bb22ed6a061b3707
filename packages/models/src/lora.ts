/**
 * Which tensors train: LoRA adapters on a frozen base (Hu et al., 2021), or a part of the tensors. Adapters
 * carry the names that Hugging Face's peft gives them, without its prefix `base_model.model.`.
 */
import { MeshError } from '@gradmesh/core'
import { drawn, type Model, zeros } from './models/model.ts'
import type { ModelTensor } from './types.ts'

export interface LoraOptions {
  readonly rank: number
  /** The adapters' product counts alpha / rank times. */
  readonly alpha: number
  /** Ends of layers' names, for example `q_proj`, `attn.c_attn`. */
  readonly targets: readonly string[]
  /** Tensors beside the adapters that train too, by the beginning of their name: a new head. */
  readonly alsoTrain?: readonly string[]
}

const A = '.lora_A.weight'
const B = '.lora_B.weight'
const isAdapter = (name: string): boolean => name.endsWith(A) || name.endsWith(B)

/** (outputs, inputs) of the layer that `weight` belongs to; GPT-2 lays its weights the other way round. */
const sidesOf = (model: Model, { shape }: ModelTensor): readonly [outputs: number, inputs: number] =>
  model.config.type === 'gpt2' ? [shape[1]!, shape[0]!] : [shape[0]!, shape[1]!]

/** The tensors that `trains` says yes to, and no others, get gradients. */
export const freeze = (model: Model, trains: (tensor: ModelTensor) => boolean): Model => ({
  ...model,
  tensors: model.tensors.map(tensor => ({ ...tensor, trainable: trains(tensor) }))
})

/** The model with a frozen base and adapters on its target layers. Throws MODEL_LORA if none is found. */
export const withLora = (model: Model, { rank, alpha, targets, alsoTrain = [] }: LoraOptions): Model => {
  const adapted = model.tensors.filter(
    ({ name, shape }) =>
      shape.length === 2 && targets.some(target => `.${name}`.endsWith(`.${target}.weight`))
  )
  if (adapted.length === 0 || !Number.isSafeInteger(rank) || rank < 1) {
    throw new MeshError(
      'MODEL_LORA',
      `no layer of the model is called ${targets.join(' or ')}, or rank ${rank} is none`,
      {
        remedy:
          'name layers of the model, for example q_proj and v_proj of a llama, and a rank of at least 1',
        data: { rank, targets: targets.join(' ') }
      }
    )
  }
  const adapters = adapted.flatMap(tensor => {
    const [outputs, inputs] = sidesOf(model, tensor)
    const layer = tensor.name.slice(0, -'.weight'.length)
    // B at zero: the model starts as its base. A as peft draws it: uniform within 1 / √inputs.
    return [drawn(layer + A, [rank, inputs], 1 / Math.sqrt(3 * inputs)), zeros(layer + B, [outputs, rank])]
  })
  const frozen = freeze(model, ({ name }) => alsoTrain.some(start => name.startsWith(start)))
  return { ...frozen, tensors: [...frozen.tensors, ...adapters], adapterScale: alpha / rank }
}

/** Base weights with their adapters added in, in float64 until the last; what is no adapter stays as it is. */
export const mergeLora = (
  model: Model,
  weights: ReadonlyMap<string, Float32Array>
): Map<string, Float32Array> => {
  const merged = new Map([...weights].filter(([name]) => !isAdapter(name)))
  for (const tensor of model.tensors) {
    const layer = tensor.name.slice(0, -'.weight'.length)
    const [a, b, base] = [weights.get(layer + A), weights.get(layer + B), weights.get(tensor.name)]
    if (a === undefined || b === undefined || base === undefined) continue
    const [outputs, inputs] = sidesOf(model, tensor)
    const rank = a.length / inputs
    const sum = Float64Array.from(base)
    for (let o = 0; o < outputs; o++) {
      for (let r = 0; r < rank; r++) {
        const scaled = model.adapterScale * b[o * rank + r]!
        for (let i = 0; i < inputs; i++) {
          sum[model.config.type === 'gpt2' ? i * outputs + o : o * inputs + i]! += scaled * a[r * inputs + i]!
        }
      }
    }
    merged.set(tensor.name, Float32Array.from(sum))
  }
  return merged
}
