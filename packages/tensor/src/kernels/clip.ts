/**
 * Clipping by the global norm: `reduceRows` with `sumSquares` on each gradient, its results side by
 * side in one array (views), `clipFactor` of that, and `scaleByFactor` on each gradient; or leave the
 * last one out and let the optimiser take the factor in.
 */
import type { Kernel } from '../kernel.ts'
import { type RowForm, Rows, rowForm, rowGroups } from '../rows.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly columns: number; readonly rows: number; readonly normMax: number }

/** factor[0] ← min(1, normMax / √Σ squares), factor[1] ← the norm. `rows` is 1, `columns` how many squares. */
export const clipFactor: Kernel<S, object, RowForm> = {
  id: 'clip-factor/1',
  scalars: { rows: 'u32', columns: 'u32', normMax: 'f32' },
  arrays: ({ columns }) => ({
    squares: { type: 'f32', access: 'read', length: columns, fill: prng => prng.below(1024) / 256 },
    factor: { type: 'f32', access: 'update', length: 2 }
  }),
  variant: ({ columns }, _, machine) => ({ ...rowForm(columns, machine), blocks: 0 }),
  wgsl(form) {
    const r = new Rows(form)
    return r.kernel(
      { loads: ['squares'], stores: [] },
      `${r.sum('total', slot => slot.value('squares'))}
  if (live && lane == 0u) {
    let norm = sqrt(total);
    factor[0] = select(1.0, scalars.normMax / norm, norm > scalars.normMax);
    factor[1] = norm;
  }`
    )
  },
  grid: (_, form) => rowGroups(1, form),
  reference({ squares, factor }, { columns, normMax }) {
    const norm = Math.sqrt(squares!.subarray(0, columns).reduce((a, b) => a + b))
    factor![0] = Math.min(1, normMax / norm)
    factor![1] = norm
  },
  tolerance: { rtol: 1e-6, atol: 0 },
  *cases() {
    for (const columns of [1, 5, 128, 1021]) {
      for (const normMax of [0.5, 1000]) yield { scalars: { rows: 1, columns, normMax } }
    }
  }
}

/** y[i] ← factor[0] · y[i]. */
export const scaleByFactor: Kernel<{ readonly count: number }> = {
  id: 'scale-by-factor/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    factor: { type: 'f32', access: 'read', length: 1 },
    y: { type: 'f32', access: 'update', length: count }
  }),
  ...eachVec4(['y'], 'y[i] *= factor[0];'),
  reference({ factor, y }, { count }) {
    for (let i = 0; i < count; i++) y![i] = Math.fround(y![i]! * factor![0]!)
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 7, 5003]) yield { scalars: { count } }
  }
}
