/**
 * Attention in tiles (Dao et al., FlashAttention, 2022): scores of a few rows by 4 · lanes columns live in
 * registers only, so memory is linear in the sequence, whatever its length.
 *
 * A tile works like the `dir4` product: each lane owns four columns of all rows of the tile. The rows'
 * operand is loaded once, each lane another row, and spread by shuffles with a constant lane; the
 * weights of a tile, already in registers, are spread the same way for the second product. Without
 * usable subgroups both go through workgroup memory.
 *
 * Indices here are in vec4s: head sizes are multiples of 4. `width` = dim / 4.
 */
import { MeshError } from '@gradmesh/core'
import type { ArraySpec, Machine } from '../kernel.ts'
import { mathText } from '../math.ts'

export type AttentionScalars = {
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly heads: number
  /** Query heads heads / kvHeads share one head of keys and values. */
  readonly kvHeads: number
  /** Of a head; a multiple of 4. */
  readonly dim: number
  /** 1 / √dim as a rule. */
  readonly scale: number
}
export type AttentionOptions = {
  /** Query i sees keys up to i + keys − queries. */
  readonly causal?: boolean
  /** The array `lengths` u32 (batch) says how many keys are real. */
  readonly lengths?: boolean
}
export interface AttentionForm {
  readonly lanes: number
  readonly rows: number
  readonly memory: boolean
  /** Vec4s of a head that a lane owns. */
  readonly groups: number
  /** Vec4s of a head where workgroup memory must hold it, else 0: one pipeline for many sizes. */
  readonly width: number
  readonly causal: boolean
  readonly lengths: boolean
}

export const ATTENTION_SCALARS = {
  batch: 'u32',
  queries: 'u32',
  keys: 'u32',
  heads: 'u32',
  kvHeads: 'u32',
  dim: 'u32',
  scale: 'f32'
} as const

const LANES_MEMORY = 32
const LANES_MAX = 32
/** Rows that one turn of `store` stores. Divides the rows of a tile. */
const STORED = 2

export const attentionForm = (
  { dim }: AttentionScalars,
  { causal = false, lengths = false }: AttentionOptions,
  { subgroupSize }: Machine
): AttentionForm => {
  const usable = subgroupSize >= 4 && subgroupSize <= LANES_MAX
  const lanes = usable ? subgroupSize : LANES_MEMORY
  return {
    lanes,
    rows: lanes <= 8 ? 16 : 8,
    memory: !usable,
    groups: Math.ceil(dim / 4 / lanes),
    width: usable ? 0 : dim / 4,
    causal,
    lengths
  }
}

/** Throws GPU_SHAPE for what no form can do. */
export const checkAttention = (s: AttentionScalars, { causal = false }: AttentionOptions): void => {
  const fault =
    s.dim % 4 !== 0 || s.dim > 256
      ? 'dim must be a multiple of 4, at most 256'
      : s.heads % s.kvHeads !== 0
        ? 'heads must be a multiple of kvHeads'
        : causal && s.keys < s.queries
          ? 'causal attention needs at least as many keys as queries'
          : undefined
  if (fault !== undefined) throw new MeshError('GPU_SHAPE', `attention: ${fault}`, { data: { ...s } })
}

const read = (length: number): ArraySpec => ({ type: 'f32', access: 'read', length })
export const update = (length: number): ArraySpec => ({ type: 'f32', access: 'update', length })
export const queryLength = (s: AttentionScalars): number => s.batch * s.queries * s.heads * s.dim
export const keyLength = (s: AttentionScalars): number => s.batch * s.keys * s.kvHeads * s.dim
export const rowsLength = (s: AttentionScalars): number => s.batch * s.queries * s.heads

/** q (batch, queries, heads, dim), k and v (batch, keys, kvHeads, dim), lengths (batch). */
export const inputs = (
  s: AttentionScalars,
  { lengths = false }: AttentionOptions
): Record<string, ArraySpec> => ({
  q: read(queryLength(s)),
  k: read(keyLength(s)),
  v: read(keyLength(s)),
  ...(lengths && {
    lengths: { type: 'u32', access: 'read', length: s.batch, fill: prng => prng.below(s.keys + 1) } as const
  })
})

/** What the forward pass leaves for the way back, as inputs. */
export const forwarded = (s: AttentionScalars): Record<string, ArraySpec> => ({
  gradient: read(queryLength(s)),
  lse: { ...read(rowsLength(s)), fill: prng => 3 + prng.below(1024) / 1024 },
  delta: read(rowsLength(s))
})

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** Pieces of a kernel's text. Rows are `top` .. of the row side, columns `column` .. of the other. */
export class Tile {
  readonly form: AttentionForm

  constructor(form: AttentionForm) {
    this.form = form
  }

  rows(text: (i: number) => string): string {
    return range(this.form.rows).map(text).join('\n    ')
  }

  /** Where this lane's rows of `array` lie; in workgroup memory the whole tile at once. */
  openRows(array: string, count: string): string {
    const { lanes, rows, memory, width } = this.form
    if (memory) {
      return `for (var i = lane; i < ${rows * width}u; i += ${lanes}u) {
    tile_${array}[i] = ${array}[base_${array} + min(top + i / ${width}u, ${count} - 1u) * stride_${array} + i % ${width}u];
  }`
    }
    return range(Math.ceil(rows / lanes))
      .map(
        q =>
          `let row_${array}_${q} = base_${array} + min(top + ${q * lanes}u + lane % ${rows}u, ${count} - 1u) * stride_${array};`
      )
      .join('\n  ')
  }

  /** Where this lane's four columns of `array` lie. */
  openColumns(array: string, count: string): string {
    return range(4)
      .map(
        j =>
          `let column_${array}_${j} = base_${array} + min(column + 4u * lane + ${j}u, ${count} - 1u) * stride_${array};`
      )
      .join('\n    ')
  }

  /** acc_i (vec4 over columns) = the products of row i of `row` with the columns of `column`. */
  products(
    pairs: readonly { readonly acc: string; readonly row: string; readonly column: string }[]
  ): string {
    const { lanes, rows, memory, width } = this.form
    const declared = pairs.map(({ acc }) => this.rows(i => `var ${acc}_${i} = vec4f();`))
    const body = pairs.map(({ acc, row, column }) => {
      const loads = range(4).map(j => `let ${column}_q${j} = ${column}[column_${column}_${j} + d];`)
      const turned = ['x', 'y', 'z', 'w'].map(
        (c, x) =>
          `let ${column}_b${x} = vec4f(${range(4)
            .map(j => `${column}_q${j}.${c}`)
            .join(', ')});`
      )
      const own = memory
        ? []
        : range(Math.ceil(rows / lanes)).map(q => `let ${row}_a${q} = ${row}[row_${row}_${q} + d];`)
      const spread = (i: number) =>
        memory
          ? `tile_${row}[${i * width}u + d]`
          : `subgroupShuffle(${row}_a${Math.floor(i / lanes)}, ${i % lanes}u)`
      const b = (x: number) => `${column}_b${x}`
      const sums = this.rows(
        i =>
          `{ let a = ${spread(i)}; ${acc}_${i} += a.x * ${b(0)} + a.y * ${b(1)} + a.z * ${b(2)} + a.w * ${b(3)}; }`
      )
      return [...loads, ...turned, ...own, sums].join('\n      ')
    })
    return `${declared.join('\n    ')}
    for (var d = 0u; d < width; d++) {
      ${body.join('\n      ')}
    }`
  }

  declare(acc: string): string {
    return range(this.form.groups)
      .map(g =>
        range(this.form.rows)
          .map(i => `var ${acc}_${i}_${g} = vec4f();`)
          .join(' ')
      )
      .join('\n  ')
  }

  /** Multiplies what row `i` has so far. */
  rescale(acc: string, i: number, by: string): string {
    return range(this.form.groups)
      .map(g => `${acc}_${i}_${g} *= ${by};`)
      .join(' ')
  }

  /** acc (rows, dim) += weights (rows, columns of this tile) · `array` (columns, dim). */
  accumulate(
    pairs: readonly { readonly acc: string; readonly weights: string; readonly array: string }[],
    count: string
  ): string {
    const { lanes, memory } = this.form
    return pairs
      .map(({ acc, weights, array }) => {
        const loads = range(this.form.groups).flatMap(g =>
          range(4).map(
            x =>
              `let v${g}_${x} = ${array}[base_${array} + min(column + 4u * l + ${x}u, ${count} - 1u) * stride_${array} + min(${g * lanes}u + lane, width - 1u)];`
          )
        )
        const sums = this.rows(i => {
          const a = memory ? `tile_weights[${i * lanes}u + l]` : `subgroupShuffle(${weights}_${i}, l)`
          const each = range(this.form.groups).map(
            g => `${acc}_${i}_${g} += a.x * v${g}_0 + a.y * v${g}_1 + a.z * v${g}_2 + a.w * v${g}_3;`
          )
          return `{ let a = ${a}; ${each.join(' ')} }`
        })
        const share = memory
          ? `workgroupBarrier();
    ${this.rows(i => `tile_weights[${i * lanes}u + lane] = ${weights}_${i};`)}
    workgroupBarrier();`
          : ''
        return `${share}
    for (var l = 0u; l < used; l++) {
      ${loads.join('\n      ')}
      ${sums}
    }`
      })
      .join('\n    ')
  }

  /** `NAME_i` into the private array `NAMEs`, so that a loop does what would be unrolled (and compiled) for each row. */
  pack(name: string): string {
    return `var ${name}s = array<vec4f, ${this.form.rows}>(${range(this.form.rows)
      .map(i => `${name}_${i}`)
      .join(', ')});`
  }

  unpack(name: string): string {
    return this.rows(i => `${name}_${i} = ${name}s[${i}u];`)
  }

  /**
   * For each row `i`: `before` declares `value`; `after` finds it reduced over the lanes. The loop's end
   * is told at run time, or compilers unroll it.
   */
  eachRowAcross(op: 'max' | 'add', before: string, after: string): string {
    const { lanes, rows, memory } = this.form
    const combine = (a: string, b: string) => (op === 'max' ? `max(${a}, ${b})` : `${a} + ${b}`)
    if (memory) {
      return `workgroupBarrier();
    for (var i = 0u; i < present; i++) { ${before} tile_reduce[i * ${lanes}u + lane] = value; }
    workgroupBarrier();
    if (lane < ${rows}u) {
      var all = tile_reduce[lane * ${lanes}u];
      for (var l = 1u; l < ${lanes}u; l++) { let other = tile_reduce[lane * ${lanes}u + l]; all = ${combine('all', 'other')}; }
      tile_row[lane] = all;
    }
    workgroupBarrier();
    for (var i = 0u; i < present; i++) { let value = tile_row[i]; ${after} }`
    }
    const steps: string[] = []
    for (let step = lanes / 2; step >= 1; step /= 2) {
      steps.push(`value = ${combine('value', `subgroupShuffleXor(value, ${step}u)`)};`)
    }
    return `for (var i = 0u; i < present; i++) { ${before} ${steps.join(' ')} ${after} }`
  }

  /**
   * Stores acc, or acc · `factor(i)` of row `i`, as the `present` rows of `array`. Mesa pays milliseconds for
   * each store in the text: so a few rows are stored a turn, and those after them move up. It would unroll
   * a loop to `present` itself, which is a `min` with a number.
   */
  store(acc: string, array: string, factor?: (i: string) => string): string {
    const { lanes, rows, groups } = this.form
    const each = (text: (g: number) => string) => range(groups).map(text).join(' ')
    const stores = range(STORED).map(j => {
      const row = j === 0 ? 'row' : `row + ${j}u`
      const by = factor === undefined ? '' : ` * ${factor(`${row} - top`)}`
      const at = `base_${array} + (${row}) * stride_${array} + lane`
      return `if (${row} < end_${array}) { ${each(g => `if (lane + ${g * lanes}u < width) { ${array}[${at} + ${g * lanes}u] = ${acc}_${j}_${g}${by}; }`)} }`
    })
    const moves = range(rows - STORED).map(i => each(g => `${acc}_${i}_${g} = ${acc}_${i + STORED}_${g};`))
    return `let end_${array} = top + present;
  for (var row = top; row < end_${array}; row += ${STORED}u) {
    ${[...stores, ...moves].join('\n    ')}
  }`
  }

  /** The module. `rowArrays` are what `openRows` opens. */
  module(rowArrays: readonly string[], body: string): { code: string; enable: string[] } {
    const { lanes, rows, memory, width } = this.form
    const shared = memory
      ? [
          ...rowArrays.map(array => `var<workgroup> tile_${array}: array<vec4f, ${rows * width}>;`),
          `var<workgroup> tile_weights: array<vec4f, ${rows * lanes}>;`,
          `var<workgroup> tile_reduce: array<f32, ${rows * lanes}>;`,
          `var<workgroup> tile_row: array<f32, ${rows}>;`
        ]
      : []
    return {
      enable: memory ? [] : ['subgroups'],
      code: `${shared.join('\n')}
${mathText(['exp', 'log'])}
const NEVER = -1e30;
@compute @workgroup_size(${lanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  ${memory ? '@builtin(local_invocation_index)' : '@builtin(subgroup_invocation_id)'} lane: u32
) {
  let index = group.x + group.y * groups.x;
  let width = scalars.dim / 4u;
  let past = ${this.form.causal ? 'scalars.keys - scalars.queries' : '0u'};
${body}
}`
    }
  }
}

/** Every (batch, head) in turn as slices, in float64; the meaning of all attention kernels. */
export const eachHead = (
  s: AttentionScalars,
  { causal = false }: AttentionOptions,
  lengths: Float64Array | undefined,
  body: (head: {
    readonly q: (i: number, d: number) => number
    readonly kv: (j: number, d: number) => number
    readonly row: (i: number) => number
    readonly sees: (i: number, j: number) => boolean
  }) => void
): void => {
  for (let b = 0; b < s.batch; b++) {
    for (let h = 0; h < s.heads; h++) {
      const kvHead = Math.floor(h / (s.heads / s.kvHeads))
      const length = lengths === undefined ? s.keys : lengths[b]!
      body({
        q: (i, d) => ((b * s.queries + i) * s.heads + h) * s.dim + d,
        kv: (j, d) => ((b * s.keys + j) * s.kvHeads + kvHead) * s.dim + d,
        row: i => (b * s.queries + i) * s.heads + h,
        sees: (i, j) => j < length && (!causal || j <= i + s.keys - s.queries)
      })
    }
  }
}

export function* attentionCases(): Iterable<{ scalars: AttentionScalars; options: AttentionOptions }> {
  const of = (
    [batch, queries, keys, heads, kvHeads, dim]: readonly [number, number, number, number, number, number],
    options: AttentionOptions
  ) => ({ scalars: { batch, queries, keys, heads, kvHeads, dim, scale: 1 / Math.sqrt(dim) }, options })
  // Two forms only where a lane owns one or two vec4s: Mesa compiles each for a second.
  yield of([1, 1, 1, 1, 1, 4], { causal: true, lengths: true })
  yield of([2, 37, 40, 4, 2, 16], { causal: true, lengths: true })
  yield of([2, 33, 33, 2, 1, 36], {})
  yield of([1, 19, 70, 2, 1, 64], {})
}
