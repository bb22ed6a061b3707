import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

type S = { readonly rows: number; readonly columns: number }
const LANES = 8

/**
 * total[0] ← total[0] + the number of rows of logits (rows, columns) whose largest value stands at the
 * row's label; of equal values the first counts. Integers, so the order of addition does not matter.
 */
export const countCorrect: Kernel<S> = {
  id: 'count-correct/1',
  scalars: { rows: 'u32', columns: 'u32' },
  arrays: ({ rows, columns }) => ({
    logits: { type: 'f32', access: 'read', length: rows * columns, fill: prng => prng.below(16) },
    labels: { type: 'u32', access: 'read', length: rows, fill: prng => prng.below(columns) },
    total: { type: 'u32', access: 'update', length: 1, fill: () => 100 }
  }),
  variant: () => ({}),
  wgsl: () => ({
    atomic: ['total'],
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * groups.x * ${LANES}u;
  if (row >= scalars.rows) { return; }
  let start = row * scalars.columns;
  var best = 0u;
  var top = logits[start];
  for (var c = 1u; c < scalars.columns; c++) {
    let value = logits[start + c];
    if (value > top) {
      top = value;
      best = c;
    }
  }
  if (best == labels[row]) { atomicAdd(&total[0], 1u); }
}`
  }),
  grid: ({ rows }) => ceilDiv(rows, LANES),
  reference({ logits, labels, total }, { rows, columns }) {
    for (let r = 0; r < rows; r++) {
      const z = logits!.subarray(r * columns, (r + 1) * columns)
      if (z.indexOf(Math.max(...z)) === labels![r]) total![0]!++
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const [rows, columns] of [
      [1, 1],
      [64, 10],
      [2003, 3],
      [5, 997]
    ] as const) {
      yield { scalars: { rows, columns } }
    }
  }
}
