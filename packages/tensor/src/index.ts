export type { AttentionOptions, AttentionScalars } from './attention/form.ts'
export { type ConvShape, convOutput } from './conv/shape.ts'
export { listAdapters, openDevice } from './device.ts'
export type {
  ArraySpec,
  ElementType,
  Kernel,
  Machine,
  Scalars,
  Tolerance
} from './kernel.ts'
export { accumulateError } from './kernels/accumulate-error.ts'
export { adamw } from './kernels/adamw.ts'
export { type AdamwOptions, type AdamwScalars, adamwScalars } from './kernels/adamw-rule.ts'
export { add } from './kernels/add.ts'
export { attention } from './kernels/attention.ts'
export { attentionBackwardKV, attentionBackwardQ, attentionDelta } from './kernels/attention-backward.ts'
export { biasGelu, biasGeluBackward, type GeluOptions } from './kernels/bias-gelu.ts'
export { biasRelu } from './kernels/bias-relu.ts'
export { clipFactor, scaleByFactor } from './kernels/clip.ts'
export { columnSum, columnSumAdamw } from './kernels/column-sum.ts'
export { type ConvOptions, conv2d, conv2dBackwardImage, conv2dBackwardWeights } from './kernels/conv2d.ts'
export { countCorrect } from './kernels/count-correct.ts'
export { crossEntropyHead } from './kernels/cross-entropy-head.ts'
export { debitError } from './kernels/debit-error.ts'
export { denseAdamw } from './kernels/dense-adamw.ts'
export { type DropoutOptions, type DropoutScalars, dropout, dropoutScalars } from './kernels/dropout.ts'
export { fill } from './kernels/fill.ts'
export { gatherRows } from './kernels/gather-rows.ts'
export { kernels } from './kernels/index.ts'
export { layerNorm, layerNormBackward, layerNormWeightsBackward } from './kernels/layer-norm.ts'
export { matmulBatchedNN, matmulBatchedNT, matmulBatchedTN } from './kernels/matmul-batched.ts'
export { matmulI8NN, matmulI8NT, matmulI8Of, matmulI8TN, packI8 } from './kernels/matmul-i8.ts'
export { matmulNN } from './kernels/matmul-nn.ts'
export { matmulNT } from './kernels/matmul-nt.ts'
export { matmulTN } from './kernels/matmul-tn.ts'
export { matmulTNAdamw } from './kernels/matmul-tn-adamw.ts'
export { type PoolOptions, type PoolShape, pool2d, pool2dBackward, poolOutput } from './kernels/pool2d.ts'
export { quantiseI32 } from './kernels/quantise-i32.ts'
export { type Reduction, reduceRows } from './kernels/reduce-rows.ts'
export { reluBackward } from './kernels/relu-backward.ts'
export { rmsNorm, rmsNormBackward, rmsNormWeightsBackward } from './kernels/rms-norm.ts'
export { rotary, rotaryTable } from './kernels/rotary.ts'
export { scaleAdd } from './kernels/scale-add.ts'
export { scaleRows } from './kernels/scale-rows.ts'
export { linkRows, scatterRows } from './kernels/scatter-rows.ts'
export { selectTop, unpackEntries } from './kernels/select-top.ts'
export { sgd } from './kernels/sgd.ts'
export { sgdMomentum } from './kernels/sgd-momentum.ts'
export { softmax, softmaxBackward } from './kernels/softmax.ts'
export { softmaxCrossEntropy } from './kernels/softmax-cross-entropy.ts'
export { swiglu, swigluBackward } from './kernels/swiglu.ts'
export { tanhBackward } from './kernels/tanh-backward.ts'
export { toHalves } from './kernels/to-halves.ts'
export { transpose } from './kernels/transpose.ts'
export { unary } from './kernels/unary.ts'
export { type BatchedShape, packed } from './matmul/batched.ts'
export { type Family, type Form, matmulF32, type Shape } from './matmul/form.ts'
export { packHalves, unpackHalves } from './matmul/half.ts'
export type { MatmulOptions } from './matmul/kernel.ts'
export {
  TUNE_VERSION,
  type TunedClass,
  type TuneOptions,
  type TuneStore,
  type Tuning,
  tune
} from './matmul/tune.ts'
export { openDeviceOn } from './open.ts'
export type { Device, DeviceUse } from './runtime/device.ts'
export type { MemoryUse } from './runtime/pool.ts'
export type { Recording } from './runtime/recording.ts'
export { type HostArray, Tensor, VIEW_ALIGNMENT } from './runtime/tensor.ts'
export type * from './types.ts'
