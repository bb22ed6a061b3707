/**
 * tiled, for hardware GPUs and adapters without subgroups: a workgroup makes a square tile of out (64
 * by 128 invocations, or 32 by 32), 16 k at a time through workgroup memory; each invocation owns 8 rows of four columns. a is kept
 * as vec4s along k, b as vec4s along columns, which is the stated order and conflict-free to read.
 */
import { ceilDiv, type Wgsl } from '../kernel.ts'
import {
  biasLanes,
  biasWide,
  finishText,
  halfText,
  placeText,
  rowAt,
  type Shape,
  stepBiasText,
  type Variant,
  wideArrays
} from './form.ts'

const TILE_K = 16
const ROWS = 8
const threadsOf = ({ tileRows }: Variant): number => (tileRows / ROWS) * (tileRows / 4)

const elementA = (v: Variant): string =>
  v.form === 'tn' ? `${rowAt(v, 'a', 'k')} + row` : `${rowAt(v, 'a', 'row')} + k`
const elementB = (v: Variant): string =>
  v.form === 'nt' ? `${rowAt(v, 'b', 'column')} + k` : `${rowAt(v, 'b', 'k')} + column`

/** a seen as vec4s holds four k; b seen as vec4s holds four columns. Other layouts load one by one. */
const wideLoads = (v: Variant) => ({ a: v.form !== 'tn' && v.wideA, b: v.form !== 'nt' && v.wideB })

const loaders = (v: Variant): string => {
  const wide = wideLoads(v)
  const a = wide.a
    ? `fn fourA(row: u32, k: u32) -> vec4f {
  return select(vec4f(), a[(${elementA(v)}) / 4u], row < scalars.m && k < scalars.k);
}`
    : `fn oneA(row: u32, k: u32) -> f32 {
  return select(0.0, a[${elementA(v)}], row < scalars.m && k < scalars.k);
}
fn fourA(row: u32, k: u32) -> vec4f {
  return vec4f(oneA(row, k), oneA(row, k + 1u), oneA(row, k + 2u), oneA(row, k + 3u));
}`
  const b = wide.b
    ? `fn fourB(k: u32, column: u32) -> vec4f {
  return select(vec4f(), ${v.half ? `fourHalves(${elementB(v)})` : `b[(${elementB(v)}) / 4u]`}, k < scalars.k && column < scalars.n);
}`
    : `fn oneB(k: u32, column: u32) -> f32 {
  return select(0.0, ${v.half ? `oneHalf(${elementB(v)})` : `b[${elementB(v)}]`}, k < scalars.k && column < scalars.n);
}
fn fourB(k: u32, column: u32) -> vec4f {
  return vec4f(oneB(k, column), oneB(k, column + 1u), oneB(k, column + 2u), oneB(k, column + 3u));
}`
  return `${a}\n${b}`
}

/** Which element of a tile load `e` takes: neighbours in memory for neighbouring invocations. */
const placeA = (v: Variant): string =>
  v.form === 'tn'
    ? `let row = e % ${v.tileRows}u; let k4 = e / ${v.tileRows}u;`
    : 'let row = e / 4u; let k4 = e % 4u;'
const placeB = (v: Variant): string =>
  v.form === 'nt'
    ? `let k = e % ${TILE_K}u; let column4 = e / ${TILE_K}u;`
    : `let k = e / ${v.tileRows / 4}u; let column4 = e % ${v.tileRows / 4}u;`

export const tiled = (v: Variant): Wgsl => {
  const tile = v.tileRows
  const threads = threadsOf(v)
  const four = v.f16 ? 'vec4h' : 'vec4f'
  return {
    enable: v.f16 ? ['f16'] : [],
    wide: [...wideArrays(v, wideLoads(v).a, !v.half && wideLoads(v).b), ...biasWide(v, wideLoads(v).a)],
    code: `${finishText(v)}
${stepBiasText(v, wideLoads(v).a)}
${halfText(v)}${loaders(v)}

var<workgroup> tileA: array<${four}, ${(tile * TILE_K) / 4}>;
var<workgroup> tileB: array<${four}, ${(tile * TILE_K) / 4}>;

@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32
) {
  ${placeText(v, tile, tile)}
  let top = (index / across) * ${tile}u;
  let left = (index % across) * ${tile}u;
  if (top >= scalars.m) {
    ${v.layer ? `stepBias((index - across * ((scalars.m + ${tile - 1}u) / ${tile}u)) * ${threads}u + local);` : ''}
    return;
  }
  let mine4 = local % ${tile / 4}u;
  let mineRow = (local / ${tile / 4}u) * ${ROWS}u;
  var sums: array<vec4f, ${ROWS}>;
  for (var base = 0u; base < scalars.k; base += ${TILE_K}u) {
    for (var e = local; e < ${(tile * TILE_K) / 4}u; e += ${threads}u) {
      { ${placeA(v)} tileA[row * 4u + k4] = ${four}(fourA(top + row, base + 4u * k4)); }
      { ${placeB(v)} tileB[k * ${tile / 4}u + column4] = ${four}(fourB(base + k, left + 4u * column4)); }
    }
    workgroupBarrier();
    for (var k4 = 0u; k4 < 4u; k4++) {
      let b0 = tileB[(4u * k4) * ${tile / 4}u + mine4];
      let b1 = tileB[(4u * k4 + 1u) * ${tile / 4}u + mine4];
      let b2 = tileB[(4u * k4 + 2u) * ${tile / 4}u + mine4];
      let b3 = tileB[(4u * k4 + 3u) * ${tile / 4}u + mine4];
      for (var i = 0u; i < ${ROWS}u; i++) {
        let a = tileA[(mineRow + i) * 4u + k4];
        sums[i] += vec4f(a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3);
      }
    }
    workgroupBarrier();
  }
  ${
    v.compact
      ? `let first = top + mineRow; let end = min(first + ${ROWS}u, scalars.m);
  for (var row = first; row < end; row++) { finish(row, left + 4u * mine4, sums[row - first]); }`
      : `for (var i = 0u; i < ${ROWS}u; i++) { finish(top + mineRow + i, left + 4u * mine4, sums[i]); }`
  }
}`
  }
}

export const tiledGroups = ({ m, n }: Shape, v: Variant): number =>
  ceilDiv(m, v.tileRows) * ceilDiv(n, v.tileRows) + ceilDiv(biasLanes(v, wideLoads(v).a, m), threadsOf(v))
