/**
 * Attention in tiles (Dao et al., FlashAttention, 2022): scores of a few rows by 4 · lanes columns live in
 * registers only, so memory is linear in the sequence, whatever its length.
 *
 * A tile works like the `dir4` product: each lane owns four columns of all rows of the tile. The rows'
 * operand is loaded once, each lane another row, and spread by shuffles with a constant lane; the
 * weights of a tile, already in registers, are spread the same way for the second product. Without
 * usable subgroups both go through workgroup memory.
 *
 * What is written the way it is so that Mesa's first compilation stays short: it pays for each load and
 * store in the text (eight branches each), for each value that lives across them, and pairwise for all uses
 * of one private array. So sums live in private arrays, one for each vec4 column of a lane, which some loop
 * indexes by a variable: those stay in memory, where sums of wide heads would be spilled to anyway. And
 * loops take few columns a turn; none has a bound that is a `min` with a number from a constant start, or it is
 * unrolled.
 *
 * Indices here are in vec4s: head sizes are multiples of 4. `width` = dim / 4.
 */
import { mathText } from '../math.ts'
import type { AttentionForm } from './form.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

export interface Pair {
  readonly acc: string
  readonly weights: string
  readonly array: string
}

/** Pieces of a kernel's text. Rows are `top` .. of the row side, columns `column` .. of the other. */
export class Tile {
  readonly form: AttentionForm

  constructor(form: AttentionForm) {
    this.form = form
  }

  rows(text: (i: number) => string): string {
    return range(this.form.rows).map(text).join('\n    ')
  }

  /**
   * This lane's column `j` of its four: a turn takes `turn` columns from one lane and all lanes in turn, so
   * a lane's lie beside each other as far as one turn takes them together.
   */
  column(j: string): string {
    const { lanes, turn } = this.form
    return `(column + ${j} / ${turn}u * ${lanes * turn}u + ${turn}u * lane + ${j} % ${turn}u)`
  }

  /** The four, as `mine`. */
  mine(): string {
    return `let mine = vec4u(${range(4)
      .map(j => this.column(`${j}u`))
      .join(', ')});`
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
          `let column_${array}_${j} = base_${array} + min(${this.column(`${j}u`)}, ${count} - 1u) * stride_${array};`
      )
      .join('\n    ')
  }

  /** The private array acc: in acc[i] (vec4 over columns) the products of row i of `row` with the columns of `column`. */
  products(
    pairs: readonly { readonly acc: string; readonly row: string; readonly column: string }[]
  ): string {
    const { lanes, rows, memory, width } = this.form
    // Said, since dawn clears a variable that a loop declares once only.
    const declared = pairs.map(
      ({ acc }) => `var ${acc}: array<vec4f, ${rows}>; ${this.rows(i => `${acc}[${i}u] = vec4f();`)}`
    )
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
          `{ let a = ${spread(i)}; ${acc}[${i}u] += a.x * ${b(0)} + a.y * ${b(1)} + a.z * ${b(2)} + a.w * ${b(3)}; }`
      )
      return [...loads, ...turned, ...own, sums].join('\n      ')
    })
    return `${declared.join('\n    ')}
    for (var d = 0u; d < width; d++) {
      ${body.join('\n      ')}
    }`
  }

  /** Sums (rows, dim), zero. */
  declare(acc: string): string {
    const { rows, groups } = this.form
    return range(groups)
      .map(g => `var ${acc}_${g}: array<vec4f, ${rows}>;`)
      .join(' ')
  }

  /** Multiplies what row `i` has so far. */
  rescale(acc: string, i: number, by: string): string {
    return range(this.form.groups)
      .map(g => `${acc}_${g}[${i}u] *= ${by};`)
      .join(' ')
  }

  /**
   * acc (rows, dim) += weights (rows, columns of this tile up to `limit`) · `array` (columns, dim), for all
   * pairs in one loop where there is no workgroup memory to share.
   */
  accumulate(pairs: readonly Pair[], count: string): string {
    const together = this.form.memory ? pairs.map(pair => [pair]) : [pairs]
    return together.map(some => this.#accumulate(some, count)).join('\n    ')
  }

  #accumulate(pairs: readonly Pair[], count: string): string {
    const { groups, lanes, memory, turn } = this.form
    const sliceColumns = turn * lanes
    const each = (text: (pair: Pair, i: number) => string) =>
      pairs.map(pair => this.rows(i => text(pair, i))).join('\n      ')
    const share = each(({ weights }, i) => `tile_weights[${i * lanes}u + lane] = ${weights}[${i}u];`)
    const choose = each(
      ({ weights }, i) =>
        `let ${weights}_${i} = ${memory ? `tile_weights[${i * lanes}u + l]` : `slice${turn}(${weights}[${i}u], slice)`};`
    )
    const loads = pairs.flatMap(({ array }) =>
      range(turn).flatMap(x =>
        range(groups).map(g => {
          const c = x === 0 ? 'c' : `min(c + ${x}u, ${count} - 1u)`
          return `let ${array}_${g}_${x} = ${array}[base_${array} + ${c} * stride_${array} + min(${g * lanes}u + lane, width - 1u)];`
        })
      )
    )
    const sums = each(({ acc, weights, array }, i) => {
      const a = memory ? `slice${turn}(${weights}_${i}, slice)` : `subgroupShuffle(${weights}_${i}, l)`
      const term = (g: number, x: number) => `a${turn === 1 ? '' : `.${'xy'[x]}`} * ${array}_${g}_${x}`
      const terms = (g: number) =>
        range(turn)
          .map(x => term(g, x))
          .join(' + ')
      return `{ let a = ${a}; ${range(groups)
        .map(g => `${acc}_${g}[${i}u] += ${terms(g)};`)
        .join(' ')} }`
    })
    const barrier = memory ? 'workgroupBarrier();' : ''
    return `${memory ? `${barrier} ${share} ${barrier}` : ''}
    for (var first = column; first < min(limit, column + ${4 * lanes}u); first += ${sliceColumns}u) {
      let slice = (first - column) / ${sliceColumns}u;
      ${memory ? '' : choose}
      for (var c = first; c < min(limit, first + ${sliceColumns}u); c += ${turn}u) {
        let l = (c - first) / ${turn}u;
        ${memory ? choose : ''}
        ${loads.join('\n        ')}
        ${sums}
      }
    }`
  }

  /** `text` for each row `i` that there is, up to `end`. */
  eachRow(text: string): string {
    return `for (var here = top; here < end; here++) { let i = here - top; ${text} }`
  }

  /** For each row `i`: `before` declares `value`; `after` finds it reduced over the lanes. */
  eachRowAcross(op: 'max' | 'add', before: string, after: string): string {
    const { lanes, rows, memory } = this.form
    const combine = (a: string, b: string) => (op === 'max' ? `max(${a}, ${b})` : `${a} + ${b}`)
    if (memory) {
      return `workgroupBarrier();
    ${this.eachRow(`${before} tile_reduce[i * ${lanes}u + lane] = value;`)}
    workgroupBarrier();
    if (lane < ${rows}u) {
      var all = tile_reduce[lane * ${lanes}u];
      for (var l = 1u; l < ${lanes}u; l++) { let other = tile_reduce[lane * ${lanes}u + l]; all = ${combine('all', 'other')}; }
      tile_row[lane] = all;
    }
    workgroupBarrier();
    ${this.eachRow(`let value = tile_row[i]; ${after}`)}`
    }
    const steps: string[] = []
    for (let step = lanes / 2; step >= 1; step /= 2) {
      steps.push(`value = ${combine('value', `subgroupShuffleXor(value, ${step}u)`)};`)
    }
    return this.eachRow(`${before} ${steps.join(' ')} ${after}`)
  }

  /**
   * Stores acc, or acc · `factor(i)` of row `i`, as rows of `array`. A row's vec4s are put side by
   * side first, so that there is one store in the text for all of them.
   */
  store(acc: string, array: string, factor?: (i: string) => string): string {
    const { lanes, groups } = this.form
    const by = factor === undefined ? '' : ` * ${factor('i')}`
    return this.eachRow(`let at = base_${array} + (top + i) * stride_${array};
    var line = array<vec4f, ${groups}>(${range(groups)
      .map(g => `${acc}_${g}[i]`)
      .join(', ')});
    for (var d = lane; d < width; d += ${lanes}u) { ${array}[at + d] = line[d / ${lanes}u]${by}; }`)
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
fn slice1(v: vec4f, i: u32) -> f32 {
  return select(select(v.x, v.y, i == 1u), select(v.z, v.w, i == 3u), i > 1u);
}
fn slice2(v: vec4f, i: u32) -> vec2f {
  return select(v.xy, v.zw, i == 1u);
}
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
