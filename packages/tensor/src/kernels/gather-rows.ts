import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

type S = { readonly rows: number; readonly width: number; readonly sourceRows: number }
type V = { readonly vec4: boolean }
const LANES = 64

/**
 * out (rows, width) ← row `index[r]` of source (sourceRows, width) for each r: a minibatch out of a
 * resident data set. An index past the end gives a row of zeros.
 */
export const gatherRows: Kernel<S, object, V> = {
  id: 'gather-rows/1',
  scalars: { rows: 'u32', width: 'u32', sourceRows: 'u32' },
  arrays: ({ rows, width, sourceRows }) => ({
    source: { type: 'f32', access: 'read', length: sourceRows * width },
    index: {
      type: 'u32',
      access: 'read',
      length: rows,
      fill: (prng, i) => (i === 1 ? sourceRows + 5 : prng.below(sourceRows))
    },
    out: { type: 'f32', access: 'update', length: rows * width }
  }),
  variant: ({ width }) => ({ vec4: width % 4 === 0 }),
  wgsl: ({ vec4 }) => ({
    wide: vec4 ? ['source', 'out'] : [],
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  let width = scalars.width${vec4 ? ' / 4u' : ''};
  if (i >= scalars.rows * width) { return; }
  let row = index[i / width];
  if (row < scalars.sourceRows) {
    out[i] = source[row * width + i % width];
  } else {
    out[i] = ${vec4 ? 'vec4f()' : '0.0'};
  }
}`
  }),
  grid: ({ rows, width }, { vec4 }) => ceilDiv((rows * width) / (vec4 ? 4 : 1), LANES),
  reference({ source, index, out }, { rows, width, sourceRows }) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < width; c++) {
        out![r * width + c] = index![r]! < sourceRows ? source![index![r]! * width + c]! : 0
      }
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    yield { scalars: { rows: 1, width: 1, sourceRows: 1 } }
    yield { scalars: { rows: 7, width: 13, sourceRows: 31 } }
    yield { scalars: { rows: 64, width: 784, sourceRows: 100 } }
  }
}
