import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

type S = { readonly batch: number; readonly rows: number; readonly columns: number }
const LANES = 64

/**
 * out (batch, columns, rows) ← x (batch, rows, columns), each matrix turned. A lane turns four by four:
 * vec4s both ways where both sides are whole ones.
 */
export const transpose: Kernel<S, object, { readonly wide: boolean }> = {
  id: 'transpose/1',
  scalars: { batch: 'u32', rows: 'u32', columns: 'u32' },
  arrays: ({ batch, rows, columns }) => ({
    x: { type: 'f32', access: 'read', length: batch * rows * columns },
    out: { type: 'f32', access: 'update', length: batch * rows * columns }
  }),
  variant: ({ rows, columns }) => ({ wide: rows % 4 === 0 && columns % 4 === 0 }),
  wgsl: ({ wide }) => ({
    wide: wide ? ['x', 'out'] : [],
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * ${LANES}u;
  let across = (scalars.columns + 3u) / 4u;
  let down = (scalars.rows + 3u) / 4u;
  let c = index % across * 4u;
  let r = index / across % down * 4u;
  let b = index / across / down;
  if (b >= scalars.batch) { return; }
  let start = b * scalars.rows * scalars.columns;
  ${
    wide
      ? `let at = (start + r * scalars.columns + c) / 4u;
  let a0 = x[at];
  let a1 = x[at + scalars.columns / 4u];
  let a2 = x[at + scalars.columns / 2u];
  let a3 = x[at + scalars.columns / 4u * 3u];
  let to = (start + c * scalars.rows + r) / 4u;
  out[to] = vec4f(a0.x, a1.x, a2.x, a3.x);
  out[to + scalars.rows / 4u] = vec4f(a0.y, a1.y, a2.y, a3.y);
  out[to + scalars.rows / 2u] = vec4f(a0.z, a1.z, a2.z, a3.z);
  out[to + scalars.rows / 4u * 3u] = vec4f(a0.w, a1.w, a2.w, a3.w);`
      : `for (var i = r; i < min(r + 4u, scalars.rows); i++) {
    for (var j = c; j < min(c + 4u, scalars.columns); j++) {
      out[start + j * scalars.rows + i] = x[start + i * scalars.columns + j];
    }
  }`
  }
}`
  }),
  grid: ({ batch, rows, columns }) => ceilDiv(batch * ceilDiv(rows, 4) * ceilDiv(columns, 4), LANES),
  reference({ x, out }, { batch, rows, columns }) {
    for (let i = 0; i < batch * rows * columns; i++) {
      const [b, at] = [Math.floor(i / (rows * columns)), i % (rows * columns)]
      out![b * rows * columns + (at % columns) * rows + Math.floor(at / columns)] = x![i]!
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const [batch, rows, columns] of [
      [1, 1, 1],
      [2, 7, 13],
      [3, 64, 36],
      [1, 100, 257]
    ] as const) {
      yield { scalars: { batch, rows, columns } }
    }
  }
}
