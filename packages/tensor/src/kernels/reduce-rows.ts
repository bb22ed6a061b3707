import type { Kernel } from '../kernel.ts'
import { type RowForm, Rows, rowForm, rowGroups } from '../rows.ts'

type S = { readonly rows: number; readonly columns: number }
export type Reduction = 'sum' | 'max' | 'mean' | 'sumSquares'
type O = { readonly op?: Reduction }
type V = RowForm & { readonly op: Reduction }

const REFERENCE: Readonly<Record<Reduction, (row: Float64Array) => number>> = {
  sum: row => row.reduce((a, b) => a + b),
  max: row => row.reduce((a, b) => Math.max(a, b)),
  mean: row => row.reduce((a, b) => a + b) / row.length,
  sumSquares: row => row.reduce((a, b) => a + b * b, 0)
}

/**
 * out (rows) ← the sum, largest value, mean or sum of squares of each row of x, in the order of
 * `rows.ts`. A whole array: first as rows of a few thousand, then their results as one row.
 */
export const reduceRows: Kernel<S, O, V> = {
  id: 'reduce-rows/1',
  scalars: { rows: 'u32', columns: 'u32' },
  arrays: ({ rows, columns }) => ({
    x: { type: 'f32', access: 'read', length: rows * columns },
    out: { type: 'f32', access: 'update', length: rows }
  }),
  // One pass, so there is nothing to hold in registers.
  variant: ({ columns }, { op = 'sum' }, machine) => ({ ...rowForm(columns, machine), blocks: 0, op }),
  wgsl({ op, ...form }) {
    const r = new Rows(form)
    const value = {
      sum: r.sum('value', slot => slot.value('x')),
      mean: r.sum('value', slot => slot.value('x')),
      max: r.max('value', slot => slot.value('x')),
      sumSquares: r.sum('value', slot => `${slot.value('x')} * ${slot.value('x')}`)
    }[op]
    return r.kernel(
      { loads: ['x'], stores: [] },
      `${value}
  if (live && lane == 0u) { out[row] = value${op === 'mean' ? ' / f32(scalars.columns)' : ''}; }`
    )
  },
  grid: ({ rows }, form) => rowGroups(rows, form),
  reference({ x, out }, { rows, columns }, { op = 'sum' }) {
    for (let r = 0; r < rows; r++) out![r] = REFERENCE[op](x!.subarray(r * columns, (r + 1) * columns))
  },
  tolerance: { rtol: 1e-6, atol: 1e-5 },
  *cases() {
    for (const op of Object.keys(REFERENCE) as Reduction[]) {
      for (const [rows, columns] of [
        [1, 1],
        [7, 3],
        [3, 1031],
        [2, 20_000],
        [300, 64]
      ] as const) {
        yield { scalars: { rows, columns }, options: { op } }
      }
    }
  }
}
