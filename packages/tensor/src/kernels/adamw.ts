import type { Kernel } from '../kernel.ts'
import {
  ADAMW_SCALARS,
  type AdamwScalars,
  adamwArrays,
  adamwReference,
  adamwScalars,
  adamwUpdate
} from './adamw-rule.ts'
import { eachVec4 } from './elementwise.ts'

type S = AdamwScalars & { readonly count: number }

/** One AdamW step on `count` weights by their gradient `g`; scalars from `adamwScalars`. */
export const adamw: Kernel<S> = {
  id: 'adamw/1',
  scalars: { count: 'u32', ...ADAMW_SCALARS },
  arrays: ({ count }) => ({ g: { type: 'f32', access: 'read', length: count }, ...adamwArrays(count) }),
  ...eachVec4(['g', 'w', 'first', 'second'], adamwUpdate('i', 'g[i]')),
  reference(arrays, { count, ...rule }) {
    for (let i = 0; i < count; i++) adamwReference(arrays, i, arrays.g![i]!, rule)
  },
  tolerance: { rtol: 2e-6, atol: 2e-6 },
  *cases() {
    let step = 1
    for (const count of [1, 7, 127, 203_530]) {
      yield { scalars: { count, ...adamwScalars({ rate: 0.01, step, decay: 0.1 }) } }
      step *= 10
    }
  }
}
