import type { Kernel } from '../kernel.ts'
import { type Choice, choose } from '../matmul/choose.ts'
import type { Shape, Variant } from '../matmul/form.ts'
import { FAMILIES, gridOf, operands, PLAIN, productOf, SHAPES, wgslOf } from '../matmul/kernel.ts'
import { ADAMW_SCALARS, type AdamwScalars, adamwArrays, adamwReference, adamwScalars } from './adamw-rule.ts'

type S = Shape & AdamwScalars

/**
 * One AdamW step on w (m,n) by the gradient a (k,m)ᵀ · b (k,n), which never leaves registers: for a
 * layer with weights (out, in), a is the gradient at its output and b its input, k the batch.
 */
export const matmulTNAdamw: Kernel<S, Choice, Variant> = {
  id: 'matmul-tn-adamw/1',
  scalars: { m: 'u32', n: 'u32', k: 'u32', ...ADAMW_SCALARS },
  arrays: shape => ({ ...operands(shape), ...adamwArrays(shape.m * shape.n) }),
  variant: (shape, choice, machine) => choose('tn', shape, { ...PLAIN, adamw: true }, machine, choice),
  wgsl: wgslOf,
  grid: gridOf,
  reference(arrays, shape) {
    productOf('tn', arrays.a!, arrays.b!, shape, (at, g) => adamwReference(arrays, at, g, shape))
  },
  tolerance: { rtol: 2e-5, atol: 2e-5 },
  *cases() {
    const rule = adamwScalars({ rate: 0.01, step: 2, decay: 0.1 })
    for (const shape of SHAPES) {
      for (const options of FAMILIES) yield { scalars: { ...shape, ...rule }, options }
    }
  }
}
