import type { ArraySpec, Kernel } from '../kernel.ts'
import { type Choice, choose } from '../matmul/choose.ts'
import type { Shape, Variant } from '../matmul/form.ts'
import { FAMILIES, gridOf, operands, PLAIN, productOf, SHAPES, wgslOf } from '../matmul/kernel.ts'
import { ADAMW_SCALARS, type AdamwScalars, adamwArrays, adamwReference, adamwScalars } from './adamw-rule.ts'

/** `biasShrink` is to the bias what `shrink` is to w: 1 where biases do not decay. */
type S = Shape & AdamwScalars & { readonly biasShrink: number }

/**
 * One AdamW step on a whole dense layer, weights w (m,n) and bias (m), by a (k,m) and b (k,n): the
 * gradient at its output and its input, k the batch. Neither gradient leaves registers. As
 * `matmulTNAdamw` and `columnSumAdamw` one after the other, to the bit.
 */
export const denseAdamw: Kernel<S, Choice, Variant> = {
  id: 'dense-adamw/1',
  scalars: { m: 'u32', n: 'u32', k: 'u32', ...ADAMW_SCALARS, biasShrink: 'f32' },
  arrays(shape) {
    const { w: bias, first: biasFirst, second: biasSecond } = adamwArrays(shape.m)
    const arrays: Record<string, ArraySpec> = { ...operands(shape), ...adamwArrays(shape.m * shape.n) }
    return { ...arrays, bias, biasFirst, biasSecond }
  },
  variant: (shape, choice, machine) =>
    choose('tn', shape, { ...PLAIN, adamw: true, layer: true }, machine, choice),
  wgsl: wgslOf,
  grid: gridOf,
  reference(arrays, shape) {
    const { a, b, bias, biasFirst, biasSecond } = arrays
    productOf('tn', a!, b!, shape, (at, g) => adamwReference(arrays, at, g, shape))
    const moments = { w: bias!, first: biasFirst!, second: biasSecond! }
    for (let i = 0; i < shape.m; i++) {
      let g = 0
      for (let row = 0; row < shape.k; row++) g += a![row * shape.m + i]!
      adamwReference(moments, i, g, { ...shape, shrink: shape.biasShrink })
    }
  },
  tolerance: { rtol: 2e-5, atol: 2e-5 },
  *cases() {
    const rule = adamwScalars({ rate: 0.01, step: 2, decay: 0.1 })
    for (const shape of SHAPES) {
      for (const options of FAMILIES) yield { scalars: { ...shape, ...rule, biasShrink: 1 }, options }
    }
  }
}
