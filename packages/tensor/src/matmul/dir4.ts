/**
 * dir4, for software adapters with subgroups. On lavapipe a load costs far more than arithmetic, and a
 * subgroup shuffle next to nothing: so a is loaded once, each lane another part, and spread from
 * registers by shuffles with constant lanes, while each lane owns four columns of out. One workgroup
 * is one subgroup; the code is unrolled by its size, which the device tells.
 *
 * At the end the sums go through a private array, in a loop of few instructions or one whose end the compiler
 * cannot know (`finishRows`): AdamW unrolled 32 times compiles for 12 s instead of 0.3 s.
 *
 * Rows and columns past the edge are computed from whatever lies there (loads are clamped by WebGPU)
 * and not stored. Only k past its end must count as 0.
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

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const XYZW = ['x', 'y', 'z', 'w'] as const

/** `values`, or zeros where k has ended. */
const masked = (edge: boolean, value: string, k: string): string =>
  edge ? `select(vec4f(), ${value}, ${k} < scalars.k)` : value

/** A vec4 of `array` from element `at` on, `at` being a multiple of 4 where `wide`. */
const along = (wide: boolean, array: string, at: string): string =>
  wide ? `${array}[(${at}) / 4u]` : `vec4f(${XYZW.map((_, x) => `${array}[${at} + ${x}u]`).join(', ')})`

const alongB = (v: Variant, at: string): string => (v.half ? `fourHalves(${at})` : along(v.wideB, 'b', at))

/** The same along k, so that each component past the end is 0. */
const alongK = (v: Variant, wide: boolean, array: string, at: string, k: string): string =>
  wide || !v.edgeK
    ? along(wide, array, at)
    : `vec4f(${XYZW.map((_, x) => `select(0.0, ${array}[${at} + ${x}u], ${k} + ${x}u < scalars.k)`).join(', ')})`

/**
 * Four elements from `shift` on of two vec4s that follow each other. Rows that are not whole vec4s are
 * read so, except by `tn`: twice the wide loads where they lie across k, and as many as ever along k,
 * since each turn keeps its second vec4 for the next. Scalar loads would be four times as many.
 */
const joined = (first: string, second: string, shift: number): string => {
  const letters = [...XYZW.map(c => `${first}.${c}`), ...XYZW.map(c => `${second}.${c}`)]
  return shift === 0 ? first : `vec4f(${letters.slice(shift, shift + 4).join(', ')})`
}

/** The same for a lane, whose row is `lane & 3` rows after a whole vec4. */
const joinedText = `
fn joined(first: vec4f, second: vec4f, odd: bool, two: bool) -> vec4f {
  let even = select(first, vec4f(first.zw, second.xy), two);
  return select(even, vec4f(even.yzw, select(second.x, second.z, two)), odd);
}`

const alive = (v: Variant, value: string): string =>
  v.edgeK ? `select(vec4f(), ${value}, vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(scalars.k))` : value

/** Shift of row `row` of four. */
const shiftOf = (row: number, skew: number): number => (row * skew) % 4

/** b0..b3: rows k..k+3 of b at this lane's four columns. */
const loadB = (v: Variant): string => {
  if (v.form !== 'nt') {
    return range(4)
      .map(x => {
        const at = `${rowAt(v, 'b', `k + ${x}u`)} + column`
        const load =
          v.skewB === 0
            ? alongB(v, at)
            : joined(`b[(${at}) / 4u]`, `b[(${at}) / 4u + 1u]`, shiftOf(x, v.skewB))
        return `let b${x} = ${masked(v.edgeK, load, `k + ${x}u`)};`
      })
      .join('\n    ')
  }
  const rows = range(4).map(j => {
    const at = `${rowAt(v, 'b', `column + ${j}u`)} + k`
    if (v.half) return `let q${j} = ${alongB(v, at)};`
    if (v.skewB === 0) return `let q${j} = ${alongK(v, v.wideB, 'b', at, 'k')};`
    const shift = shiftOf(j, v.skewB)
    if (shift === 0) return `let q${j} = ${alive(v, `b[(${at}) / 4u]`)};`
    return `let nextB${j} = b[(${at}) / 4u + 1u]; let q${j} = ${alive(v, joined(`keptB${j}`, `nextB${j}`, shift))}; keptB${j} = nextB${j};`
  })
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
  if (v.form !== 'tn') {
    const at = `${rowAt(v, 'a', `${first} + lane`)} + k`
    if (v.skewA === 0) return `let a${q} = ${alongK(v, v.wideA, 'a', at, 'k')};`
    return `let nextA${q} = a[(${at}) / 4u + 1u]; let a${q} = ${alive(v, `joined(keptA${q}, nextA${q}, odd, two)`)}; keptA${q} = nextA${q};`
  }
  const load = along(v.wideA, 'a', `${rowAt(v, 'a', 'k + (lane & 3u)')} + ${first} + (lane & ~3u)`)
  return `let a${q} = ${masked(v.edgeK, load, 'k + (lane & 3u)')};`
}

/** What the turns keep: the first vec4 of rows along k that are not whole vec4s. */
const kept = (v: Variant): string => {
  const shift = `let shift = ((lane & 3u) * ${v.skewA}u) & 3u; let odd = (shift & 1u) != 0u; let two = shift >= 2u;`
  const rowsA = range(v.tileRows / v.lanes).map(
    q => `var keptA${q} = a[(${rowAt(v, 'a', `top + ${q * v.lanes}u + lane`)}) / 4u];`
  )
  const rowsB = range(4)
    .filter(j => shiftOf(j, v.skewB) !== 0)
    .map(j => `var keptB${j} = b[(${rowAt(v, 'b', `column + ${j}u`)}) / 4u];`)
  return [...(v.skewA === 0 ? [] : [shift, ...rowsA]), ...(v.form === 'nt' ? rowsB : [])].join('\n  ')
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
  const loads = range(v.tileRows / v.lanes).map(q => loadA(v, q))
  const sums = range(v.tileRows).map(
    i => `{ let a = ${spreadA(v, i)}; s${i} += a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3; }`
  )
  return `${kept(v)}
  for (var k = 0u; k < scalars.k; k += 4u) {
    ${loadB(v)}
    ${loads.join('\n    ')}
    ${sums.join('\n    ')}
  }`
}

/**
 * What only stores may be unrolled, so that sums are read where they lie: a bound that is a `min` with a number
 * lets the compiler. Anything longer must not be: four loads and stores for each of 16 rows compile for a second.
 */
const finishRows = (v: Variant): string => {
  const { wideOut, gelu, gate, geluGate, residual, accumulate, adamw } = v
  return wideOut && !(gelu || gate || geluGate || residual || accumulate || adamw)
    ? `let rows = min(${v.tileRows}u, scalars.m - top);
  for (var i = 0u; i < rows; i++) { finish(top + i, column, sums[i]); }`
    : `let end = min(top + ${v.tileRows}u, scalars.m);
  for (var row = top; row < end; row++) { finish(row, column, sums[row - top]); }`
}

export const dir4 = (v: Variant): Wgsl => ({
  enable: ['subgroups'],
  wide: [
    ...wideArrays(v, v.wideA || v.skewA > 0, !v.half && (v.wideB || v.skewB > 0)),
    ...biasWide(v, v.wideA)
  ],
  code: `${finishText(v)}
${stepBiasText(v, v.wideA)}
${v.skewA === 0 ? '' : joinedText}${halfText(v)}

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
  ${finishRows(v)}
}`
})

export const dir4Groups = ({ m, n }: Shape, v: Variant): number =>
  ceilDiv(m, v.tileRows) * ceilDiv(n, 4 * v.lanes) + ceilDiv(biasLanes(v, v.wideA, m), v.lanes)
