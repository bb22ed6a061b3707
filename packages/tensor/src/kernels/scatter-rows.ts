/**
 * The gradient of `gatherRows`, without atomics and in one order: `linkRows` ties together the places
 * that name the same row, then the first of them adds up all, from the first on. The links depend on
 * the index alone, so one `linkRows` serves any number of `scatterRows`.
 */
import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

type Links = { readonly rows: number }
type S = { readonly rows: number; readonly width: number; readonly targetRows: number }
const LANES = 64
/** In `next`: no later place names this row. */
const LAST = 0xffffffff

const fewRows = (prng: { below(n: number): number }) => prng.below(7)

/** next[r] ← the next place after r with the same index, or 2^32 − 1; first[r] ← 1 where none comes before. */
export const linkRows: Kernel<Links> = {
  id: 'link-rows/1',
  scalars: { rows: 'u32' },
  arrays: ({ rows }) => ({
    index: { type: 'u32', access: 'read', length: rows, fill: fewRows },
    next: { type: 'u32', access: 'update', length: rows },
    first: { type: 'u32', access: 'update', length: rows }
  }),
  variant: () => ({}),
  wgsl: () => ({
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let r = id.x + id.y * groups.x * ${LANES}u;
  if (r >= scalars.rows) { return; }
  let mine = index[r];
  var after = r + 1u;
  while (after < scalars.rows && index[after] != mine) { after++; }
  next[r] = select(${LAST}u, after, after < scalars.rows);
  var before = r;
  while (before > 0u && index[before - 1u] != mine) { before--; }
  first[r] = select(0u, 1u, before == 0u);
}`
  }),
  grid: ({ rows }) => ceilDiv(rows, LANES),
  reference({ index, next, first }, { rows }) {
    for (let r = 0; r < rows; r++) {
      const after = index!.indexOf(index![r]!, r + 1)
      next![r] = after < 0 ? LAST : after
      first![r] = Number(index!.indexOf(index![r]!) === r)
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const rows of [1, 5, 300]) yield { scalars: { rows } }
  }
}

/**
 * out (targetRows, width), row index[r] += gradient (rows, width), row r, for all r from the first on.
 * An index past the end adds nowhere. `next` and `first` are `linkRows` of `index`.
 */
export const scatterRows: Kernel<S, object, { readonly wide: boolean }> = {
  id: 'scatter-rows/1',
  scalars: { rows: 'u32', width: 'u32', targetRows: 'u32' },
  arrays: ({ rows, width, targetRows }) => ({
    gradient: { type: 'f32', access: 'read', length: rows * width },
    index: {
      type: 'u32',
      access: 'read',
      length: rows,
      fill: (prng, i) => (i % 5 === 2 ? i : prng.below(2 * targetRows))
    },
    // Test input: every place by itself, which is no real linkage but one that a reference can follow.
    next: {
      type: 'u32',
      access: 'read',
      length: rows,
      fill: (_, i) => (i % 3 === 0 && i + 7 < rows ? i + 7 : LAST)
    },
    first: {
      type: 'u32',
      access: 'read',
      length: rows,
      fill: (_, i) => Number(i < targetRows && i % 5 === 2)
    },
    out: { type: 'f32', access: 'update', length: targetRows * width }
  }),
  variant: ({ width }) => ({ wide: width % 4 === 0 }),
  wgsl: ({ wide }) => ({
    wide: wide ? ['gradient', 'out'] : [],
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  let width = scalars.width${wide ? ' / 4u' : ''};
  let place = i / width;
  if (place >= scalars.rows || first[place] == 0u || index[place] >= scalars.targetRows) { return; }
  let at = index[place] * width + i % width;
  var sum = out[at];
  var r = place;
  // A broken linkage ends too: places only rise.
  loop {
    sum += gradient[r * width + i % width];
    let after = next[r];
    if (after <= r || after >= scalars.rows) { break; }
    r = after;
  }
  out[at] = sum;
}`
  }),
  grid: ({ rows, width }, { wide }) => ceilDiv(rows * (wide ? width / 4 : width), LANES),
  reference({ gradient, index, next, first, out }, { rows, width, targetRows }) {
    for (let place = 0; place < rows; place++) {
      if (first![place] === 0 || index![place]! >= targetRows) continue
      for (let r = place; r < rows; r = next![r]!) {
        for (let c = 0; c < width; c++) out![index![place]! * width + c]! += gradient![r * width + c]!
      }
    }
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
  *cases() {
    for (const [rows, width, targetRows] of [
      [1, 1, 1],
      [40, 12, 60],
      [33, 7, 33]
    ] as const) {
      yield { scalars: { rows, width, targetRows } }
    }
  }
}
