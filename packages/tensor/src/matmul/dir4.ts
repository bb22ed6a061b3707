/**
 * dir4, for software adapters with subgroups. On lavapipe a load costs far more than arithmetic, and a
 * subgroup shuffle next to nothing: so a is loaded once, each lane another part, and spread from
 * registers by shuffles with constant lanes, while each lane owns four columns of out. One workgroup
 * is one subgroup; the code is unrolled by its size, which the device tells.
 *
 * At the end the sums go through a private array, in a loop whose end the compiler cannot know: it
 * unrolls any other, and AdamW unrolled 32 times compiles for 12 s instead of 0.3 s.
 *
 * Rows and columns past the edge are computed from whatever lies there (loads are clamped by WebGPU)
 * and not stored. Only k past its end must count as 0.
 */
import { ceilDiv, type Wgsl } from '../kernel.ts'
import {
  biasLanes,
  biasWide,
  finishText,
  placeText,
  rowAt,
  type Shape,
  stepBiasText,
  type Variant,
  wideArrays
} from './form.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const XYZW = ['x', 'y', 'z', 'w'] as const

/** `values`, or zeros where k has ended. */
const masked = (edge: boolean, value: string, k: string): string =>
  edge ? `select(vec4f(), ${value}, ${k} < scalars.k)` : value

/** A vec4 of `array` from element `at` on, `at` being a multiple of 4 where `wide`. */
const along = (wide: boolean, array: string, at: string): string =>
  wide ? `${array}[(${at}) / 4u]` : `vec4f(${XYZW.map((_, x) => `${array}[${at} + ${x}u]`).join(', ')})`

/** The same along k, so that each component past the end is 0. */
const alongK = (v: Variant, wide: boolean, array: string, at: string, k: string): string =>
  wide || !v.edgeK
    ? along(wide, array, at)
    : `vec4f(${XYZW.map((_, x) => `select(0.0, ${array}[${at} + ${x}u], ${k} + ${x}u < scalars.k)`).join(', ')})`

/** b0..b3: rows k..k+3 of b at this lane's four columns. */
const loadB = (v: Variant, k: string): string => {
  if (v.form !== 'nt') {
    return range(4)
      .map(x => {
        const load = along(v.wideB, 'b', `${rowAt(v, 'b', `${k} + ${x}u`)} + column`)
        return `let b${x} = ${masked(v.edgeK, load, `${k} + ${x}u`)};`
      })
      .join('\n    ')
  }
  const rows = range(4).map(
    j => `let q${j} = ${alongK(v, v.wideB, 'b', `${rowAt(v, 'b', `column + ${j}u`)} + ${k}`, k)};`
  )
  const turned = XYZW.map(
    (c, x) =>
      `let b${x} = vec4f(${range(4)
        .map(j => `q${j}.${c}`)
        .join(', ')});`
  )
  return [...rows, ...turned].join('\n    ')
}

/**
 * Load number `q` of a: `lanes` rows by four k in one vec4 for each lane. Where a lies along k, a lane
 * is a row. Where it lies along rows (`tn`), a lane is one k (its two low bits) of four rows.
 */
const loadA = (v: Variant, q: number): string => {
  const first = `top + ${q * v.lanes}u`
  if (v.form !== 'tn') return alongK(v, v.wideA, 'a', `${rowAt(v, 'a', `${first} + lane`)} + k`, 'k')
  const load = along(v.wideA, 'a', `${rowAt(v, 'a', 'k + (lane & 3u)')} + ${first} + (lane & ~3u)`)
  return masked(v.edgeK, load, 'k + (lane & 3u)')
}

/** Row `i` of the tile, its four k in every lane. */
const spreadA = (v: Variant, i: number): string => {
  const [q, row] = [Math.floor(i / v.lanes), i % v.lanes]
  if (v.form !== 'tn') return `subgroupShuffle(a${q}, ${row}u)`
  const quad = row - (row % 4)
  return `vec4f(${range(4)
    .map(x => `subgroupShuffle(a${q}.${XYZW[row % 4]}, ${quad + x}u)`)
    .join(', ')})`
}

/** Four k: 4 loads of b, tileRows / lanes of a, and one four-term sum for each row. */
const turn = (v: Variant): string => {
  const loads = range(v.tileRows / v.lanes).map(q => `let a${q} = ${loadA(v, q)};`)
  const sums = range(v.tileRows).map(
    i => `{ let a = ${spreadA(v, i)}; s${i} += a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3; }`
  )
  return `
  for (var k = 0u; k < scalars.k; k += 4u) {
    ${loadB(v, 'k')}
    ${loads.join('\n    ')}
    ${sums.join('\n    ')}
  }`
}

export const dir4 = (v: Variant): Wgsl => ({
  enable: ['subgroups'],
  wide: [...wideArrays(v, v.wideA, v.wideB), ...biasWide(v, v.wideA)],
  code: `${finishText(v)}
${stepBiasText(v, v.wideA)}

@compute @workgroup_size(${v.lanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32
) {
  ${placeText(v, v.tileRows, 4 * v.lanes)}
  let top = (index / across) * ${v.tileRows}u;
  let column = ((index % across) * ${v.lanes}u + lane) * 4u;
  if (top >= scalars.m) {
    ${v.layer ? `stepBias((index - across * ((scalars.m + ${v.tileRows - 1}u) / ${v.tileRows}u)) * ${v.lanes}u + lane);` : ''}
    return;
  }
  ${range(v.tileRows)
    .map(i => `var s${i} = vec4f();`)
    .join(' ')}
  ${turn(v)}
  var sums = array<vec4f, ${v.tileRows}>(${range(v.tileRows)
    .map(i => `s${i}`)
    .join(', ')});
  let rows = min(${v.tileRows}u, scalars.m - top);
  for (var i = 0u; i < rows; i++) { finish(top + i, column, sums[i]); }
}`
})

export const dir4Groups = ({ m, n }: Shape, v: Variant): number =>
  ceilDiv(m, v.tileRows) * ceilDiv(n, 4 * v.lanes) + ceilDiv(biasLanes(v, v.wideA, m), v.lanes)
