/** Every kernel of the package. `test/kernels.ts` runs all of them on every adapter. */
import type { Kernel } from '../kernel.ts'
import { accumulateError } from './accumulate-error.ts'
import { adamw } from './adamw.ts'
import { add } from './add.ts'
import { attention } from './attention.ts'
import { attentionBackwardKV, attentionBackwardQ, attentionDelta } from './attention-backward.ts'
import { biasGelu, biasGeluBackward } from './bias-gelu.ts'
import { biasRelu } from './bias-relu.ts'
import { clipFactor, scaleByFactor } from './clip.ts'
import { columnSum, columnSumAdamw } from './column-sum.ts'
import { conv2d, conv2dBackwardImage, conv2dBackwardWeights } from './conv2d.ts'
import { countCorrect } from './count-correct.ts'
import { crossEntropyHead } from './cross-entropy-head.ts'
import { debitError } from './debit-error.ts'
import { denseAdamw } from './dense-adamw.ts'
import { dropout } from './dropout.ts'
import { fill } from './fill.ts'
import { gatherRows } from './gather-rows.ts'
import { layerNorm, layerNormBackward, layerNormWeightsBackward } from './layer-norm.ts'
import { matmulBatchedNN, matmulBatchedNT, matmulBatchedTN } from './matmul-batched.ts'
import { matmulI8NN, matmulI8NT, matmulI8TN } from './matmul-i8.ts'
import { matmulNN } from './matmul-nn.ts'
import { matmulNT } from './matmul-nt.ts'
import { matmulTN } from './matmul-tn.ts'
import { matmulTNAdamw } from './matmul-tn-adamw.ts'
import { pool2d, pool2dBackward } from './pool2d.ts'
import { quantiseI32 } from './quantise-i32.ts'
import { reduceRows } from './reduce-rows.ts'
import { reluBackward } from './relu-backward.ts'
import { rmsNorm, rmsNormBackward, rmsNormWeightsBackward } from './rms-norm.ts'
import { rotary } from './rotary.ts'
import { scaleAdd } from './scale-add.ts'
import { scaleRows } from './scale-rows.ts'
import { linkRows, scatterRows } from './scatter-rows.ts'
import { selectTop } from './select-top.ts'
import { sgd } from './sgd.ts'
import { sgdMomentum } from './sgd-momentum.ts'
import { softmax, softmaxBackward } from './softmax.ts'
import { softmaxCrossEntropy } from './softmax-cross-entropy.ts'
import { swiglu, swigluBackward } from './swiglu.ts'
import { tanhBackward } from './tanh-backward.ts'
import { toHalves } from './to-halves.ts'
import { transpose } from './transpose.ts'
import { unary } from './unary.ts'

export const kernels = [
  accumulateError,
  adamw,
  add,
  attention,
  attentionBackwardKV,
  attentionBackwardQ,
  attentionDelta,
  biasGelu,
  biasGeluBackward,
  biasRelu,
  clipFactor,
  columnSum,
  columnSumAdamw,
  conv2d,
  conv2dBackwardImage,
  conv2dBackwardWeights,
  countCorrect,
  crossEntropyHead,
  debitError,
  denseAdamw,
  dropout,
  fill,
  gatherRows,
  layerNorm,
  layerNormBackward,
  layerNormWeightsBackward,
  linkRows,
  matmulBatchedNN,
  matmulBatchedNT,
  matmulBatchedTN,
  matmulI8NN,
  matmulI8NT,
  matmulI8TN,
  matmulNN,
  matmulNT,
  matmulTN,
  matmulTNAdamw,
  pool2d,
  pool2dBackward,
  quantiseI32,
  reduceRows,
  reluBackward,
  rmsNorm,
  rmsNormBackward,
  rmsNormWeightsBackward,
  rotary,
  scaleAdd,
  scaleByFactor,
  scaleRows,
  scatterRows,
  selectTop,
  sgd,
  sgdMomentum,
  softmax,
  softmaxBackward,
  softmaxCrossEntropy,
  swiglu,
  swigluBackward,
  tanhBackward,
  toHalves,
  transpose,
  unary
] as readonly Kernel[]
