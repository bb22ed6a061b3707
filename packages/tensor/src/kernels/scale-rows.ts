import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

type S = { readonly rows: number; readonly columns: number }
type V = { readonly wide: boolean }
const LANES = 64

/** Row r of y (rows, columns) ← factor[r] · row r; a factor of 0 gives zeros whatever was there. */
export const scaleRows: Kernel<S, object, V> = {
  id: 'scale-rows/1',
  scalars: { rows: 'u32', columns: 'u32' },
  arrays: ({ rows, columns }) => ({
    factor: {
      type: 'f32',
      access: 'read',
      length: rows,
      fill: (prng, i) => (i % 3 === 1 ? 0 : prng.below(1024) / 512 - 1)
    },
    y: { type: 'f32', access: 'update', length: rows * columns }
  }),
  variant: ({ columns }) => ({ wide: columns % 4 === 0 }),
  wgsl: ({ wide }) => ({
    wide: wide ? ['y'] : [],
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  let width = scalars.columns${wide ? ' / 4u' : ''};
  if (i >= scalars.rows * width) { return; }
  let f = factor[i / width];
  y[i] = select(${wide ? 'vec4f()' : '0.0'}, f * y[i], f != 0.0);
}`
  }),
  grid: ({ rows, columns }, { wide }) => ceilDiv((rows * columns) / (wide ? 4 : 1), LANES),
  reference({ factor, y }, { rows, columns }) {
    for (let i = 0; i < rows * columns; i++) {
      const f = factor![Math.floor(i / columns)]!
      y![i] = f === 0 ? 0 : Math.fround(f * y![i]!)
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const [rows, columns] of [
      [1, 1],
      [7, 13],
      [70, 36]
    ] as const) {
      yield { scalars: { rows, columns } }
    }
  }
}
