/**
 * What the matmul families share: the three forms, what happens to a product before it is stored, and
 * the order of summation.
 *
 * Every family adds in this one order: k goes up in groups of four, and each group is one four-term
 * sum, `s += ((a0 b0 + a1 b1) + a2 b2) + a3 b3`; k past the end counts as 0. So all families, forms
 * and tiles give the same bits where the adapter does not fuse (lavapipe and SwiftShader do not), and
 * the error is below that of plain sequential order.
 */
import { adamwUpdate } from '../kernels/adamw-rule.ts'
import { geluText } from '../kernels/gelu-rule.ts'

/** Which operand lies transposed: out (m,n) = a (m,k) b (k,n), a (m,k) b (n,k)ᵀ or a (k,m)ᵀ b (k,n). */
export type Form = 'nn' | 'nt' | 'tn'

export type Family = 'dir4' | 'tiled'

export type Shape = { readonly m: number; readonly n: number; readonly k: number }

export interface Epilogue {
  /** Add bias (n). */
  readonly bias: boolean
  /** Then max(·, 0). */
  readonly relu: boolean
  /** Or GELU in its tanh form. */
  readonly gelu: boolean
  /** Then 0 where gate (m,n) is not positive: ReLU's gradient. */
  readonly gate: boolean
  /** Or times GELU's slope at gate (m,n): GELU's gradient, the gate being what went into it. */
  readonly geluGate: boolean
  /** Then add residual (m,n). */
  readonly residual: boolean
  /** Then add what is in out. */
  readonly accumulate: boolean
  /** Instead of storing the product, use it as the gradient of one AdamW step on w (m,n). */
  readonly adamw: boolean
  /** With `adamw`: also step `bias` (m) by the column sums of a (k,m), in workgroups after the tiles. */
  readonly layer: boolean
}

export interface Variant extends Epilogue {
  readonly form: Form
  readonly family: Family
  /** b lies as pairs of f16 in u32; sums are f32 all the same. */
  readonly half: boolean
  /**
   * a and b are rounded to f16, and so is each group of four products and their sum; groups add up in f32
   * (tiled). Half the workgroup memory, and twice the arithmetic of many GPUs.
   */
  readonly f16: boolean
  /** Many products of one shape, rows and products apart by numbers of the dispatch. */
  readonly batched: boolean
  /** Lanes of a subgroup (dir4). */
  readonly lanes: number
  /** Rows of out in a tile. */
  readonly tileRows: number
  /** Rows of a, rows of b, rows of out that are whole vec4s. */
  readonly wideA: boolean
  readonly wideB: boolean
  readonly wideOut: boolean
  /**
   * Elements by which each row of a and b starts after the row before it in a vec4, where rows are not
   * whole vec4s but follow each other without a gap (dir4); 0 otherwise.
   */
  readonly skewA: number
  readonly skewB: number
  /** k is no multiple of four, so it must be compared with its end. */
  readonly edgeK: boolean
  /**
   * The sums are stored in a loop whose end the compiler cannot know (tiled). A CPU's compiler unrolls
   * any other, for seconds; a GPU's must unroll, or the sums leave their registers.
   */
  readonly compact: boolean
}

/** Arrays that are seen as vec4s. `a` and `b` only as the family loads them. */
export const wideArrays = (v: Variant, a: boolean, b: boolean): string[] => [
  ...(a ? ['a'] : []),
  ...(b ? ['b'] : []),
  ...(v.wideOut
    ? outputs(v).concat(v.bias ? ['bias'] : [], usesGate(v) ? ['gate'] : [], v.residual ? ['residual'] : [])
    : [])
]

/** What `finish` and `stepBias` see as vec4s: `a` is seen so where its sums go to `bias` four by four. */
export const biasWide = (v: Variant, a: boolean): string[] =>
  v.layer && a ? ['bias', 'biasFirst', 'biasSecond'] : []

/** Invocations that step a layer's bias. */
export const biasLanes = (v: Variant, a: boolean, m: number): number =>
  v.layer ? Math.ceil(m / (a ? 4 : 1)) : 0

/** `fn stepBias(i)`: column sums in the order of `columnSum`. */
export const stepBiasText = (v: Variant, a: boolean): string =>
  v.layer
    ? `
fn stepBias(i: u32) {
  let count = ${a ? 'scalars.m / 4u' : 'scalars.m'};
  if (i >= count) { return; }
  var sum = ${a ? 'vec4f' : 'f32'}();
  for (var k = 0u; k < scalars.k; k++) { sum += a[k * count + i]; }
  ${adamwUpdate('i', 'sum', { w: 'bias', first: 'biasFirst', second: 'biasSecond', shrink: 'biasShrink' })}
}`
    : ''

/** ReLU's or GELU's gradient. */
const usesGate = ({ gate, geluGate }: Epilogue): boolean => gate || geluGate

const outputs = ({ adamw }: Epilogue): string[] => (adamw ? ['w', 'first', 'second'] : ['out'])

const steps = (v: Epilogue, type: string, bias: string): string =>
  [
    'var value = sum;',
    v.bias ? `value += bias[${bias}];` : '',
    v.relu ? `value = max(value, ${type}());` : '',
    v.gelu ? 'value = gelu(value);' : '',
    v.gate ? `value = select(${type}(), value, gate[at] > ${type}());` : '',
    v.geluGate ? 'value *= geluSlope(gate[at]);' : '',
    v.residual ? 'value += residual[at];' : '',
    v.accumulate ? 'value += out[at];' : '',
    v.adamw ? adamwUpdate('at', 'value') : 'out[at] = value;'
  ]
    .filter(line => line !== '')
    .join('\n    ')

/** Elements from one row to the next, where rows lie one after the other. */
const LEADS: Readonly<Record<Form, { readonly a: string; readonly b: string }>> = {
  nn: { a: 'scalars.k', b: 'scalars.n' },
  nt: { a: 'scalars.k', b: 'scalars.k' },
  tn: { a: 'scalars.m', b: 'scalars.n' }
}

/** The element of `array` at which row `row` starts. */
export const rowAt = (v: Variant, array: 'a' | 'b' | 'out', row: string): string => {
  if (!v.batched) return `(${row}) * ${array === 'out' ? 'scalars.n' : LEADS[v.form][array]}`
  const name = array === 'out' ? 'Out' : array.toUpperCase()
  return `base${name} + (${row}) * scalars.lead${name}`
}

/**
 * `index` and `across`: the tile of this workgroup and the tiles in a row of them. Of a batch also which
 * product it belongs to, where that starts in each array; workgroups past the last end here.
 */
export const placeText = (v: Variant, rows: number, columns: number): string => {
  const across = `let across = (scalars.n + ${columns - 1}u) / ${columns}u;`
  const here = 'group.x + group.y * groups.x'
  if (!v.batched) return `${across}\n  let index = ${here};`
  return `${across}
  let tiles = across * ((scalars.m + ${rows - 1}u) / ${rows}u);
  let index = (${here}) % tiles;
  let item = (${here}) / tiles;
  if (item >= scalars.batch) { return; }
  baseA = item * scalars.strideA;
  baseB = item * scalars.strideB;
  baseOut = item * scalars.strideOut;`
}

/** Four elements of b from `at` on, a multiple of 4, and one element, where b lies as pairs of f16. */
export const halfText = (v: Variant): string =>
  v.half
    ? `
fn fourHalves(at: u32) -> vec4f {
  return vec4f(unpack2x16float(b[at / 2u]), unpack2x16float(b[at / 2u + 1u]));
}
fn oneHalf(at: u32) -> f32 { return unpack2x16float(b[at / 2u])[at & 1u]; }
`
    : ''

const basesText = (v: Variant): string =>
  v.batched ? 'var<private> baseA: u32;\nvar<private> baseB: u32;\nvar<private> baseOut: u32;\n' : ''

const geluFor = (v: Variant): string =>
  v.gelu || v.geluGate ? geluText({ exact: false, wide: v.wideOut }) : ''

/** `fn finish(row, column, sums)`: the four columns from `column` on, a multiple of 4, of one row. */
export const finishText = (v: Variant): string =>
  v.wideOut
    ? `${basesText(v)}${geluFor(v)}
fn finish(row: u32, column: u32, sum: vec4f) {
  if (row < scalars.m && column < scalars.n) {
    let at = (${rowAt(v, 'out', 'row')} + column) / 4u;
    ${steps(v, 'vec4f', 'column / 4u')}
  }
}`
    : `${basesText(v)}${geluFor(v)}
fn finish(row: u32, column: u32, sums: vec4f) {
  if (row >= scalars.m) { return; }
  let start = ${rowAt(v, 'out', 'row')} + column;
  ${['x', 'y', 'z', 'w']
    .map(
      (c, j) => `if (column + ${j}u < scalars.n) {
    let at = start + ${j}u;
    let sum = sums.${c};
    ${steps(v, 'f32', `column + ${j}u`)}
  }`
    )
    .join('\n  ')}
}`

const { fround } = Math

/**
 * The stated order in f32, for tests that ask for the same bits. `a` and `b` are f32 values laid out
 * as `form` says; out is (m,n).
 */
export const matmulF32 = (form: Form, a: Float32Array, b: Float32Array, { m, n, k }: Shape): Float32Array => {
  const atA = (i: number, p: number) => (p >= k ? 0 : form === 'tn' ? a[p * m + i]! : a[i * k + p]!)
  const atB = (p: number, j: number) => (p >= k ? 0 : form === 'nt' ? b[j * k + p]! : b[p * n + j]!)
  const out = new Float32Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let p = 0; p < k; p += 4) {
        let group = fround(atA(i, p) * atB(p, j))
        for (let x = 1; x < 4; x++) group = fround(group + fround(atA(i, p + x) * atB(p + x, j)))
        sum = fround(sum + group)
      }
      out[i * n + j] = sum
    }
  }
  return out
}
