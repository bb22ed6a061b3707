import type { ArraySpec, Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'
import {
  ADAMW_SCALARS,
  type AdamwScalars,
  adamwArrays,
  adamwReference,
  adamwScalars,
  adamwUpdate
} from './adamw-rule.ts'

type Shape = { readonly rows: number; readonly columns: number }
const LANES = 32

const body = (store: string): string => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  if (i >= scalars.columns) { return; }
  var sum = 0.0;
  for (var row = 0u; row < scalars.rows; row++) { sum += x[row * scalars.columns + i]; }
  ${store}
}`

const input = ({ rows, columns }: Shape): ArraySpec => ({
  type: 'f32',
  access: 'read',
  length: rows * columns
})

const columnOf = (x: Float64Array, { rows, columns }: Shape, column: number): number => {
  let sum = 0
  for (let row = 0; row < rows; row++) sum += x[row * columns + column]!
  return sum
}

const SHAPES = [
  [1, 1],
  [64, 10],
  [64, 256],
  [2003, 3],
  [5, 1031]
] as const

/** out (columns) ← the sum of each column of x (rows, columns), from the first row on: a bias gradient. */
export const columnSum: Kernel<Shape> = {
  id: 'column-sum/1',
  scalars: { rows: 'u32', columns: 'u32' },
  arrays: shape => ({ x: input(shape), out: { type: 'f32', access: 'update', length: shape.columns } }),
  variant: () => ({}),
  wgsl: () => ({ code: body('out[i] = sum;') }),
  grid: ({ columns }) => ceilDiv(columns, LANES),
  reference({ x, out }, shape) {
    for (let i = 0; i < shape.columns; i++) out![i] = columnOf(x!, shape, i)
  },
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  *cases() {
    for (const [rows, columns] of SHAPES) yield { scalars: { rows, columns } }
  }
}

/** The same sum as a gradient, used at once: one AdamW step on `w` (columns). */
export const columnSumAdamw: Kernel<Shape & AdamwScalars> = {
  id: 'column-sum-adamw/1',
  scalars: { rows: 'u32', columns: 'u32', ...ADAMW_SCALARS },
  arrays: shape => ({ x: input(shape), ...adamwArrays(shape.columns) }),
  variant: () => ({}),
  wgsl: () => ({ code: body(adamwUpdate('i', 'sum')) }),
  grid: ({ columns }) => ceilDiv(columns, LANES),
  reference(arrays, shape) {
    for (let i = 0; i < shape.columns; i++) {
      adamwReference(arrays, i, columnOf(arrays.x!, shape, i), shape)
    }
  },
  tolerance: { rtol: 2e-5, atol: 2e-5 },
  *cases() {
    for (const [rows, columns] of SHAPES) {
      yield { scalars: { rows, columns, ...adamwScalars({ rate: 0.01, step: 3, decay: 0.1 }) } }
    }
  }
}
