/** Every kernel of the package. `test/kernels.ts` runs all of them on every adapter. */
import type { Kernel } from '../kernel.ts'
import { adamw } from './adamw.ts'
import { biasRelu } from './bias-relu.ts'
import { columnSum, columnSumAdamw } from './column-sum.ts'
import { countCorrect } from './count-correct.ts'
import { fill } from './fill.ts'
import { gatherRows } from './gather-rows.ts'
import { matmulNN } from './matmul-nn.ts'
import { matmulNT } from './matmul-nt.ts'
import { matmulTN } from './matmul-tn.ts'
import { matmulTNAdamw } from './matmul-tn-adamw.ts'
import { reluBackward } from './relu-backward.ts'
import { scaleAdd } from './scale-add.ts'
import { sgd } from './sgd.ts'
import { softmaxCrossEntropy } from './softmax-cross-entropy.ts'

export const kernels = [
  adamw,
  biasRelu,
  columnSum,
  columnSumAdamw,
  countCorrect,
  fill,
  gatherRows,
  matmulNN,
  matmulNT,
  matmulTN,
  matmulTNAdamw,
  reluBackward,
  scaleAdd,
  sgd,
  softmaxCrossEntropy
] as readonly Kernel[]
