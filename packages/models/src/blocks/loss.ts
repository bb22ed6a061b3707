/** Losses end a tape: they write their values and start the way back. */
import { reduceRows, scaleAdd, scaleRows, softmaxCrossEntropy } from '@gradmesh/tensor'
import type { Tape, Value } from '../tape.ts'

/**
 * Adds Σ weights[r] · −log softmax(logits (rows, columns))[labels[r]] to the variable `name` (1). A row of
 * weight 0 counts for nothing, whatever its label: padding. Weights that add up to 1 make it a mean.
 */
export const crossEntropy = (
  t: Tape,
  logits: Value,
  { labels, weights }: { readonly labels: Value; readonly weights: Value },
  { rows, columns }: { readonly rows: number; readonly columns: number },
  name = 'loss'
): Value => {
  const losses = t.value(rows, 'losses')
  const gradient = logits.wantsGradient ? t.value(rows * columns, 'gradient of logits') : undefined
  t.run(
    softmaxCrossEntropy,
    { logits, labels, loss: losses, gradient },
    { rows, columns, scale: 1 },
    {
      options: { gradient: gradient !== undefined }
    }
  )
  t.run(scaleRows, { factor: weights, y: losses }, { rows, columns: 1 })
  const total = t.value(1, 'loss')
  t.run(reduceRows, { x: losses, out: total }, { rows: 1, columns: rows })
  const sum = t.variable(name, 1)
  t.run(scaleAdd, { x: total, y: sum }, { count: 1, scale: 1, add: 1 })
  t.loss(logits, () => {
    t.run(scaleRows, { factor: weights, y: gradient }, { rows, columns })
    t.pass(logits, gradient as Value)
  })
  return sum
}
