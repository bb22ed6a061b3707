/**
 * Kernels that reduce each row of (rows, columns): one order of addition, whatever the adapter.
 *
 * Column c belongs to virtual lane (c / 4) mod 32, component c mod 4. Each adds up what it meets from
 * left to right, the 32 lanes are added as a tree (lane v and v + 16, then v + 8, ...), and of the four
 * components that are left (x + z) + (y + w). A subgroup of 8 keeps four virtual lanes in each of its
 * own; without usable subgroups a workgroup of 32 goes through memory. A row of whole vec4s and up to 128 columns is
 * loaded once and stays in registers (wider rows gained nothing on lavapipe and compiled for seconds).
 */
import { ceilDiv, type Machine, type Wgsl } from './kernel.ts'
import { literal } from './math.ts'

const VIRTUAL = 32
const BLOCK = 4 * VIRTUAL
const BLOCKS_MAX = 1

export interface RowForm {
  /** Lanes that share a row. */
  readonly lanes: number
  /** Invocations of a workgroup, one subgroup unless `memory`. */
  readonly threads: number
  /** No subgroups: sums go through workgroup memory. */
  readonly memory: boolean
  /** Rows are whole vec4s. */
  readonly wide: boolean
  /** Blocks of 128 columns that registers hold; 0: each pass loads again. */
  readonly blocks: number
}

export const rowForm = (columns: number, { subgroupSize }: Machine): RowForm => {
  const usable = subgroupSize >= 4 && subgroupSize <= 128
  const blocks = ceilDiv(columns, BLOCK)
  return {
    lanes: usable ? Math.min(VIRTUAL, subgroupSize) : VIRTUAL,
    threads: usable ? subgroupSize : VIRTUAL,
    memory: !usable,
    wide: columns % 4 === 0,
    blocks: columns % 4 === 0 && blocks <= BLOCKS_MAX ? blocks : 0
  }
}

export const rowGroups = (rows: number, { lanes, threads }: RowForm): number => ceilDiv(rows, threads / lanes)

/** One vec4 of the row: its first column `c`, its place `at`, the accumulator of its virtual lane. */
export interface Slot {
  readonly acc: number
  /** The vec4 of a row array, from its register or from memory; columns past the end are 0. */
  value(array: string): string
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

export class Rows {
  readonly #form: RowForm
  readonly #held = new Set<string>()
  #serial = 0

  constructor(form: RowForm) {
    this.#form = form
  }

  get #slots(): number {
    return VIRTUAL / this.#form.lanes
  }

  /** Code for every vec4 of the row; `c` and `at` (= start of the row + c) are in scope. */
  each(body: (slot: Slot) => string): string {
    const { lanes, blocks } = this.#form
    const slot = (block: string, id: string | undefined, acc: number): string => `{
    let c = ${block}${4 * acc * lanes}u + 4u * lane;
    if (c < scalars.columns) {
      let at = start + c;
      ${body({
        acc,
        value: array =>
          id !== undefined && this.#held.has(array) ? `${array}_${id}_${acc}` : `load_${array}(at, c)`
      })}
    }
  }`
    const all = (block: string, id?: string) =>
      range(this.#slots)
        .map(acc => slot(block, id, acc))
        .join('\n  ')
    return blocks === 0
      ? `for (var block = 0u; block < scalars.columns; block += ${BLOCK}u) {\n  ${all('block + ')}\n  }`
      : range(blocks)
          .map(block => all(`${block * BLOCK}u + `, String(block)))
          .join('\n  ')
  }

  /** Loads these rows into registers where they fit; `value` then takes them from there. */
  hold(...arrays: readonly string[]): string {
    const { blocks } = this.#form
    if (blocks === 0) return ''
    const declared = arrays.flatMap(array =>
      range(blocks).flatMap(block => range(this.#slots).map(acc => `var ${array}_${block}_${acc} = vec4f();`))
    )
    for (const array of arrays) this.#held.add(array)
    // `value` names the register: this once it is the target.
    const fill = this.each(slot =>
      arrays.map(array => `${slot.value(array)} = load_${array}(at, c);`).join(' ')
    )
    return `${declared.join(' ')}\n  ${fill}`
  }

  /** `let name` = the sum over the row of `of` (a vec4f; what lies past the end must be 0). */
  sum(name: string, of: (slot: Slot) => string): string {
    return this.#reduce(name, 'add', literal(0), (acc, slot) => `${acc} += ${of(slot)};`)
  }

  /** `let name` = the largest value of `of` over the row. */
  max(name: string, of: (slot: Slot) => string): string {
    const lowest = literal(-3.4028234663852886e38)
    return this.#reduce(
      name,
      'max',
      lowest,
      (acc, slot) => `${acc} = max(${acc}, ${this.inside(of(slot), `vec4f(${lowest})`)});`
    )
  }

  /** `value`, or `other` where the row has ended. */
  inside(value: string, other = 'vec4f()'): string {
    return this.#form.wide
      ? value
      : `select(${other}, ${value}, vec4u(c, c + 1u, c + 2u, c + 3u) < vec4u(scalars.columns))`
  }

  #reduce(name: string, op: 'add' | 'max', start: string, step: (acc: string, slot: Slot) => string): string {
    const { lanes, memory } = this.#form
    const id = this.#serial++
    const combine = (a: string, b: string) => (op === 'add' ? `${a} + ${b}` : `max(${a}, ${b})`)
    const acc = (i: number) => `acc${id}_${i}`
    const tree: string[] = []
    for (let half = this.#slots / 2; half >= 1; half /= 2) {
      for (const i of range(half)) tree.push(`${acc(i)} = ${combine(acc(i), acc(i + half))};`)
    }
    if (memory) {
      tree.push(`${acc(0)} = across_${op}(${acc(0)}, lane);`)
    } else {
      for (let step = lanes / 2; step >= 1; step /= 2) {
        tree.push(`${acc(0)} = ${combine(acc(0), `subgroupShuffleXor(${acc(0)}, ${step}u)`)};`)
      }
    }
    const pairs = [`${acc(0)}.x`, `${acc(0)}.z`, `${acc(0)}.y`, `${acc(0)}.w`] as const
    return `${range(this.#slots)
      .map(i => `var ${acc(i)} = vec4f(${start});`)
      .join(' ')}
  ${this.each(slot => step(acc(slot.acc), slot))}
  ${tree.join('\n  ')}
  let ${name} = ${combine(`(${combine(pairs[0], pairs[1])})`, `(${combine(pairs[2], pairs[3])})`)};`
  }

  /**
   * The whole kernel. `loads` and `stores` are row arrays (rows, columns); `perColumn` arrays (columns)
   * are read by `column_NAME(c)`. `body` may use `row`, `start`, `live`, `lane`; it stores a vec4 with
   * `store_NAME(at, c, value)`, and single values only `if (live && lane == 0u)`.
   */
  kernel(
    arrays: {
      readonly loads: readonly string[]
      readonly stores: readonly string[]
      readonly perColumn?: readonly string[]
    },
    body: string,
    functions = ''
  ): Wgsl {
    const { wide, lanes, threads, memory } = this.#form
    const { loads, stores, perColumn = [] } = arrays
    const four = (array: string, at: string) =>
      range(4)
        .map(i => `${array}[${at} + ${i}u]`)
        .join(', ')
    const texts = [
      ...loads.map(array =>
        wide
          ? `fn load_${array}(at: u32, c: u32) -> vec4f { return ${array}[at / 4u]; }`
          : `fn load_${array}(at: u32, c: u32) -> vec4f { return ${this.inside(`vec4f(${four(array, 'at')})`)}; }`
      ),
      ...perColumn.map(array =>
        wide
          ? `fn column_${array}(c: u32) -> vec4f { return ${array}[c / 4u]; }`
          : // Padding may hold NaN, and 0 · NaN is NaN.
            `fn column_${array}(c: u32) -> vec4f { return ${this.inside(`vec4f(${four(array, 'c')})`)}; }`
      ),
      ...stores.map(array =>
        wide
          ? `fn store_${array}(at: u32, c: u32, value: vec4f) { ${array}[at / 4u] = value; }`
          : `fn store_${array}(at: u32, c: u32, value: vec4f) {
  for (var i = 0u; i < min(4u, scalars.columns - c); i++) { ${array}[at + i] = value[i]; }
}`
      )
    ]
    const across = (['add', 'max'] as const).map(
      op => `
fn across_${op}(value: vec4f, lane: u32) -> vec4f {
  scratch[lane] = value;
  for (var half = ${VIRTUAL / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { scratch[lane] = ${op === 'add' ? 'scratch[lane] + scratch[lane + half]' : 'max(scratch[lane], scratch[lane + half])'}; }
  }
  workgroupBarrier();
  let total = scratch[0];
  workgroupBarrier();
  return total;
}`
    )
    return {
      enable: memory ? [] : ['subgroups'],
      wide: wide ? [...new Set([...loads, ...stores, ...perColumn])] : [],
      code: `${functions}
${memory ? `var<workgroup> scratch: array<vec4f, ${VIRTUAL}>;${across.join('')}` : ''}
${texts.join('\n')}
@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  ${memory ? '@builtin(local_invocation_index)' : '@builtin(subgroup_invocation_id)'} thread: u32
) {
  let lane = thread % ${lanes}u;
  let mine = (group.x + group.y * groups.x) * ${threads / lanes}u + thread / ${lanes}u;
  let live = mine < scalars.rows;
  let row = min(mine, scalars.rows - 1u);
  let start = row * scalars.columns;
  ${body}
}`
    }
  }
}

const { fround } = Math

/** The stated order in f32: the sum of `of(c)` over c < columns, `of` giving f32 values. */
export const sumRowF32 = (columns: number, of: (c: number) => number): number => {
  const lanes = new Float32Array(BLOCK)
  for (let c = 0; c < columns; c++) lanes[c % BLOCK] = lanes[c % BLOCK]! + of(c)
  for (let half = BLOCK / 2; half >= 4; half /= 2) {
    for (let i = 0; i < half; i++) lanes[i] = lanes[i]! + lanes[i + half]!
  }
  return fround(fround(lanes[0]! + lanes[2]!) + fround(lanes[1]! + lanes[3]!))
}
