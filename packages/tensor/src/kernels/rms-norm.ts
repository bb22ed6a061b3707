import { norm, normBackward, normWeightsBackward } from './norm-rule.ts'

/** out ← x · rstd · weight along each row of (rows, columns); rstd (rows) is for the way back. */
export const rmsNorm = norm('rms-norm/1', false)
export const rmsNormBackward = normBackward('rms-norm-backward/1', false)
export const rmsNormWeightsBackward = normWeightsBackward('rms-norm-weights-backward/1', false)
