/** Layer norm and RMS norm over the last axis. */
import {
  columnSum,
  layerNormBackward,
  layerNorm as layerNormKernel,
  layerNormWeightsBackward,
  rmsNormBackward,
  rmsNorm as rmsNormKernel,
  rmsNormWeightsBackward
} from '@gradmesh/tensor'
import type { Tape, Value } from '../tape.ts'

export type NormShape = {
  readonly rows: number
  readonly columns: number
  readonly epsilon: number
}

/** Rows whose share of the weights' gradient one lane adds up. */
const ROWS_PER_PART = 32

/** Adds up `parts` rows of partial sums into the gradient of `x`. */
const giveParts = (t: Tape, x: Value, parts: Value, columns: number): void => {
  const rows = parts.length / columns
  if (rows === 1) t.pass(x, parts)
  else t.give(x, to => t.run(columnSum, { x: parts, out: to }, { rows, columns }))
}

/**
 * (x [+ residual] − mean) / √(variance + epsilon) · `name.weight` + `name.bias` for x (rows, columns): the
 * norm after a residual stream, as in BERT, or before a block, as in GPT-2.
 */
export const layerNorm = (t: Tape, x: Value, name: string, shape: NormShape, residual?: Value): Value => {
  const { rows, columns } = shape
  const [weight, bias] = [t.parameter(`${name}.weight`), t.parameter(`${name}.bias`)]
  const out = t.value(rows * columns, name)
  const sum = residual && t.value(rows * columns, `input of ${name}`)
  const stats = { mean: t.value(rows, 'mean'), rstd: t.value(rows, 'rstd') }
  t.run(layerNormKernel, { x, residual, sum, weight, bias, ...stats, out }, shape, {
    options: { residual: residual !== undefined }
  })
  t.back(out, [x, residual, weight, bias], g => {
    const input = sum ?? x
    if (x.wantsGradient || residual?.wantsGradient === true) {
      const to = t.value(rows * columns, `gradient of the input of ${name}`)
      t.run(layerNormBackward, { gradient: g, x: input, weight, ...stats, out: to }, { rows, columns })
      t.pass(x, to)
      if (residual !== undefined) t.pass(residual, to)
    }
    if (!weight.wantsGradient && !bias.wantsGradient) return
    const parts = Math.ceil(rows / ROWS_PER_PART) * columns
    const [dWeight, dBias] = [t.value(parts, 'partial sums'), t.value(parts, 'partial sums')]
    const scalars = { rows, columns, rowsPerPart: ROWS_PER_PART }
    t.run(layerNormWeightsBackward, { gradient: g, x: input, ...stats, dWeight, dBias }, scalars)
    giveParts(t, weight, dWeight, columns)
    giveParts(t, bias, dBias, columns)
  })
  return out
}

/** x / √(mean of squares + epsilon) · `name.weight` for x (rows, columns). */
export const rmsNorm = (t: Tape, x: Value, name: string, shape: NormShape): Value => {
  const { rows, columns } = shape
  const weight = t.parameter(`${name}.weight`)
  const out = t.value(rows * columns, name)
  const rstd = t.value(rows, 'rstd')
  t.run(rmsNormKernel, { x, weight, rstd, out }, shape)
  t.back(out, [x, weight], g => {
    t.give(x, to => t.run(rmsNormBackward, { gradient: g, x, weight, rstd, out: to }, { rows, columns }))
    if (!weight.wantsGradient) return
    const dWeight = t.value(Math.ceil(rows / ROWS_PER_PART) * columns, 'partial sums')
    const scalars = { rows, columns, rowsPerPart: ROWS_PER_PART }
    t.run(rmsNormWeightsBackward, { gradient: g, x, rstd, dWeight }, scalars)
    giveParts(t, weight, dWeight, columns)
  })
  return out
}
