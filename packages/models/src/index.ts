export { type Activation, activate, add, dropout, swiglu } from './blocks/activations.ts'
export { attention, cached, type Heads, rotary, type Turns, turns } from './blocks/attention.ts'
export { convolution, pooling } from './blocks/images.ts'
export { type LayerShape, linear, type ProductShape, product } from './blocks/linear.ts'
export { crossEntropy } from './blocks/loss.ts'
export { layerNorm, type NormShape, rmsNorm } from './blocks/norms.ts'
export { embedding, pickRows, type SumShape, split, sumRows } from './blocks/rows.ts'
export {
  type Loaded,
  loadWeights,
  openFile,
  readConfigFile,
  readConfigJson,
  saveWeights
} from './checkpoint.ts'
export {
  type BagConfig,
  type BertConfig,
  type CnnConfig,
  type Gpt2Config,
  type LlamaConfig,
  type ModelConfig,
  readConfig
} from './config.ts'
export { type Finish, type GenerateOptions, Generator, type Sampled } from './generate.ts'
export { initialise, initialWeights } from './init.ts'
export { freeze, type LoraOptions, mergeLora, withLora } from './lora.ts'
export { isMetaConfig, metaConfig } from './meta-llama.ts'
export { modelOf } from './models/index.ts'
export type { BatchShape, Head, Model, Output } from './models/model.ts'
export { type Gradient, gradientsOf, type OptimiserOptions, optimise } from './optimiser.ts'
export { type Plan, plan } from './plan.ts'
export { Program, type ProgramMemory } from './program.ts'
export {
  type ByteSource,
  bytesSource,
  type Dtype,
  type HeaderFault,
  readHeader,
  readTensor,
  type StoredTensor,
  type TensorToWrite,
  writeSafetensors
} from './safetensors.ts'
export { logChances, penalised, type SampleOptions, sampleToken } from './sampling.ts'
export { rateAt, type Schedule } from './schedule.ts'
export { type Numbers, type Op, Tape, type TapeInit, type Value } from './tape.ts'
export { Evaluation, type Inputs, Training, type TrainingOptions, trainingTape } from './training.ts'
export { elements, type ModelTensor } from './types.ts'
export { Variables } from './variables.ts'
