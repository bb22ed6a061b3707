import { norm, normBackward, normWeightsBackward } from './norm-rule.ts'

/** out ← x̂ · weight + bias along each row of (rows, columns); mean and rstd (rows) are for the way back. */
export const layerNorm = norm('layer-norm/1', true)
export const layerNormBackward = normBackward('layer-norm-backward/1', true)
export const layerNormWeightsBackward = normWeightsBackward('layer-norm-weights-backward/1', true)
