/**
 * Many products of one shape in one dispatch, rows and products apart by any distance: heads of an
 * attention, slices of a larger array, one operand for all.
 */
import type { Kernel } from '../kernel.ts'
import { choose } from './choose.ts'
import type { Form, Shape, Variant } from './form.ts'
import {
  EPILOGUES,
  epilogueArrays,
  FAMILIES,
  finishOf,
  gridOf,
  type MatmulOptions,
  splitOptions,
  wgslOf
} from './kernel.ts'

export type BatchedShape = Shape & {
  readonly batch: number
  /** Elements from one row to the next. */
  readonly leadA: number
  readonly leadB: number
  /** Also of gate and residual. */
  readonly leadOut: number
  /** Elements from one product's array to the next; 0 for an operand that all share. */
  readonly strideA: number
  readonly strideB: number
  readonly strideOut: number
}

type Side = {
  readonly rows: number
  readonly columns: number
  readonly lead: number
  readonly stride: number
}

const sidesOf = (form: Form, shape: BatchedShape): Readonly<Record<'a' | 'b' | 'out', Side>> => {
  const { m, n, k, leadA, leadB, leadOut, strideA, strideB, strideOut } = shape
  const side = (rows: number, columns: number, lead: number, stride: number): Side => ({
    rows,
    columns,
    lead,
    stride
  })
  return {
    a: form === 'tn' ? side(k, m, leadA, strideA) : side(m, k, leadA, strideA),
    b: form === 'nt' ? side(n, k, leadB, strideB) : side(k, n, leadB, strideB),
    out: side(m, n, leadOut, strideOut)
  }
}

const lengthOf = ({ rows, columns, lead, stride }: Side, batch: number): number =>
  (batch - 1) * stride + (rows - 1) * lead + columns

const isWide = ({ columns, lead, stride }: Side): boolean =>
  columns % 4 === 0 && lead % 4 === 0 && stride % 4 === 0

/** Distances of arrays that lie one after the other without gaps; `shared` operands count once. */
export const packed = (
  form: Form,
  { m, n, k }: Shape,
  batch: number,
  shared: { readonly a?: boolean; readonly b?: boolean } = {}
): BatchedShape => ({
  m,
  n,
  k,
  batch,
  leadA: form === 'tn' ? m : k,
  leadB: form === 'nt' ? k : n,
  leadOut: n,
  strideA: shared.a === true ? 0 : m * k,
  strideB: shared.b === true ? 0 : k * n,
  strideOut: m * n
})

function* shapes(form: Form): Generator<BatchedShape> {
  yield packed(form, { m: 1, n: 1, k: 1 }, 1)
  yield packed(form, { m: 7, n: 13, k: 5 }, 3)
  yield packed(form, { m: 40, n: 36, k: 12 }, 5, { b: true })
  // Heads that lie side by side in rows of 3 · 20 elements, one element between rows of out.
  yield {
    ...packed(form, { m: 20, n: 20, k: 20 }, 3),
    leadA: 60,
    leadB: 60,
    strideA: 20,
    strideB: 20,
    leadOut: 21,
    strideOut: 420
  }
  yield { ...packed(form, { m: 36, n: 68, k: 16 }, 2), leadA: 40, leadB: 72, leadOut: 72, strideOut: 36 * 72 }
}

export const matmulBatched = (
  form: Form,
  id: string
): Kernel<BatchedShape, Omit<MatmulOptions, 'half'>, Variant> => ({
  id,
  scalars: {
    m: 'u32',
    n: 'u32',
    k: 'u32',
    batch: 'u32',
    leadA: 'u32',
    leadB: 'u32',
    leadOut: 'u32',
    strideA: 'u32',
    strideB: 'u32',
    strideOut: 'u32'
  },
  arrays(shape, options) {
    const { a, b, out } = sidesOf(form, shape)
    const read = (side: Side) =>
      ({ type: 'f32', access: 'read', length: lengthOf(side, shape.batch) }) as const
    return { a: read(a), b: read(b), ...epilogueArrays(options, shape.n, lengthOf(out, shape.batch)) }
  },
  variant(shape, options, machine) {
    const { epilogue, choice } = splitOptions(options)
    const { a, b, out } = sidesOf(form, shape)
    return {
      ...choose(form, shape, epilogue, machine, choice),
      batched: true,
      skewA: 0,
      skewB: 0,
      wideA: isWide(a),
      wideB: isWide(b),
      wideOut: isWide(out)
    }
  },
  wgsl: wgslOf,
  grid: (shape, variant) => shape.batch * gridOf(shape, variant),
  reference(arrays, shape, options) {
    const { a, b, out } = sidesOf(form, shape)
    const at = ({ lead, stride }: Side, item: number, row: number, column: number) =>
      item * stride + row * lead + column
    for (let item = 0; item < shape.batch; item++) {
      for (let i = 0; i < shape.m; i++) {
        for (let j = 0; j < shape.n; j++) {
          let sum = 0
          for (let p = 0; p < shape.k; p++) {
            sum +=
              arrays.a![form === 'tn' ? at(a, item, p, i) : at(a, item, i, p)]! *
              arrays.b![form === 'nt' ? at(b, item, j, p) : at(b, item, p, j)]!
          }
          finishOf(arrays, options, { at: at(out, item, i, j), column: j, sum })
        }
      }
    }
  },
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  *cases(prng) {
    let turn = 0
    for (const scalars of shapes(form)) {
      yield { scalars, options: { ...prng.pick(EPILOGUES), ...FAMILIES[turn++ % FAMILIES.length] } }
    }
  }
})
