/** The matmul kernels differ in form and epilogue alone: made here, named in `kernels/`. */
import { MeshError, type Prng } from '@gradmesh/core'
import type { ArraySpec, Arrays, Kernel } from '../kernel.ts'
import { geluOf, geluSlopeOf } from '../kernels/gelu-rule.ts'
import { type Choice, choose, type F16Option } from './choose.ts'
import { dir4, dir4Groups } from './dir4.ts'
import type { Epilogue, Form, Shape, Variant } from './form.ts'
import { halfBits, unpackHalves } from './half.ts'
import { tiled, tiledGroups } from './tiled.ts'

/** The choice overrules that for the adapter; dir4 needs subgroups. */
export type MatmulOptions = Partial<Omit<Epilogue, 'adamw' | 'layer'>> & Choice & HalfOption & F16Option

export interface HalfOption {
  /** b is u32, two f16 in each (`packHalves`), its rows a multiple of four long; sums are f32. */
  readonly half?: boolean
}

export const PLAIN: Epilogue = {
  bias: false,
  relu: false,
  gelu: false,
  gate: false,
  geluGate: false,
  residual: false,
  accumulate: false,
  adamw: false,
  layer: false
}

/** What `finish` does, in float64, to one element. */
export const finishOf = (
  { out, bias, gate, residual }: Arrays,
  { relu = false, gelu = false, geluGate = false, accumulate = false }: MatmulOptions,
  { at, column, sum }: { readonly at: number; readonly column: number; readonly sum: number }
): void => {
  const biased = sum + (bias === undefined ? 0 : bias[column]!)
  const bent = relu ? Math.max(biased, 0) : gelu ? geluOf(biased, false) : biased
  const slope = gate === undefined ? 1 : geluGate ? geluSlopeOf(gate[at]!, false) : Number(gate[at]! > 0)
  out![at] = bent * slope + (residual?.[at] ?? 0) + (accumulate ? out![at]! : 0)
}

/** The arrays that the epilogue asks for; those of out's layout are `length` long. */
export const epilogueArrays = (
  { bias = false, gate = false, geluGate = false, residual = false }: MatmulOptions,
  n: number,
  length: number
): Readonly<Record<string, ArraySpec>> => {
  const read = (elements: number): ArraySpec => ({ type: 'f32', access: 'read', length: elements })
  return {
    out: { type: 'f32', access: 'update', length },
    ...(bias && { bias: read(n) }),
    ...((gate || geluGate) && { gate: read(length) }),
    ...(residual && { residual: read(length) })
  }
}

const EPILOGUE_NAMES = Object.keys(PLAIN) as readonly (keyof Epilogue)[]

/** The epilogue asked for, and the choice of family and tile. */
export const splitOptions = (options: MatmulOptions): { epilogue: Epilogue; choice: Choice & F16Option } => {
  const { family, tileRows, half: _, f16, ...rest } = options
  const asked = EPILOGUE_NAMES.flatMap(name => {
    const value = (rest as Partial<Epilogue>)[name]
    return value === undefined ? [] : [[name, value]]
  })
  const choice = {
    ...(family !== undefined && { family }),
    ...(tileRows !== undefined && { tileRows }),
    ...(f16 !== undefined && { f16 })
  }
  return { epilogue: { ...PLAIN, ...Object.fromEntries(asked) }, choice }
}

const wgslOf = (v: Variant) => (v.family === 'dir4' ? dir4(v) : tiled(v))
const gridOf = (shape: Shape, v: Variant) =>
  v.family === 'dir4' ? dir4Groups(shape, v) : tiledGroups(shape, v)

/** The operands as arrays of a dispatch. */
const operands = ({ m, n, k }: Shape) =>
  ({
    a: { type: 'f32', access: 'read', length: m * k },
    b: { type: 'f32', access: 'read', length: k * n }
  }) as const

/** b as pairs of f16 below 1 in size. Throws GPU_SHAPE where a row is no multiple of four. */
const halves = (form: Form, id: string, { n, k }: Shape): ArraySpec => {
  const row = form === 'nt' ? k : n
  if (row % 4 !== 0) {
    throw new MeshError('GPU_SHAPE', `${id}: rows of b of ${row} f16`, {
      remedy: 'make them a multiple of 4, or use f32',
      data: { kernel: id, row }
    })
  }
  const one = (prng: Prng) => halfBits(prng.below(2 ** 12) / 2 ** 11 - 1)
  return {
    type: 'u32',
    access: 'read',
    length: (k * n) / 2,
    fill: prng => (one(prng) | (one(prng) << 16)) >>> 0
  }
}

/** Calls `each(at, sum)` for every element of the product, in float64. */
export const productOf = (
  form: Form,
  a: Float64Array,
  b: Float64Array,
  { m, n, k }: Shape,
  each: (at: number, sum: number) => void
): void => {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let p = 0; p < k; p++) {
        sum +=
          (form === 'tn' ? a[p * m + i]! : a[i * k + p]!) * (form === 'nt' ? b[j * k + p]! : b[p * n + j]!)
      }
      each(i * n + j, sum)
    }
  }
}

/** 1, primes, whole vec4s, and more than one tile of either family in each direction. */
const SHAPES: readonly Shape[] = [
  { m: 1, n: 1, k: 1 },
  { m: 7, n: 13, k: 5 },
  { m: 64, n: 10, k: 256 },
  { m: 10, n: 256, k: 64 },
  { m: 67, n: 131, k: 37 },
  { m: 96, n: 160, k: 68 }
]

export const EPILOGUES: readonly MatmulOptions[] = [
  {},
  { bias: true },
  { bias: true, relu: true },
  { gate: true },
  { bias: true, gelu: true, residual: true },
  { geluGate: true },
  { accumulate: true },
  { bias: true, residual: true, accumulate: true }
]

/** Families that every adapter can run; the device's own choice comes with `{}`. */
export const FAMILIES: readonly MatmulOptions[] = [{}, { family: 'tiled' }]

export const matmul = (form: Form, id: string): Kernel<Shape, MatmulOptions, Variant> => ({
  id,
  scalars: { m: 'u32', n: 'u32', k: 'u32' },
  arrays(shape, options) {
    const all = { ...operands(shape), ...epilogueArrays(options, shape.n, shape.m * shape.n) }
    return options.half === true ? { ...all, b: halves(form, id, shape) } : all
  },
  variant(shape, options, machine) {
    const { epilogue, choice } = splitOptions(options)
    const chosen = choose(form, shape, epilogue, machine, choice)
    return options.half === true ? { ...chosen, half: true, skewB: 0 } : chosen
  },
  wgsl: wgslOf,
  grid: gridOf,
  reference(arrays, shape, options) {
    const { n, k } = shape
    const b = options.half === true ? unpackHalves(arrays.b!, n * k) : arrays.b!
    productOf(form, arrays.a!, b, shape, (at, sum) => {
      finishOf(arrays, options, { at, column: at % shape.n, sum })
    })
  },
  // 1.4e-7 of the sum of |a||b| was the worst seen; 256 products of values below 1.
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  *cases(prng) {
    for (const scalars of SHAPES) {
      for (const family of FAMILIES) yield { scalars, options: { ...prng.pick(EPILOGUES), ...family } }
    }
    for (const family of FAMILIES) {
      yield { scalars: { m: 33, n: 36, k: 40 }, options: { half: true, bias: true, ...family } }
    }
    // All forms share the code of the epilogues.
    if (form !== 'nn') return
    for (const options of EPILOGUES) yield { scalars: { m: 32, n: 32, k: 8 }, options }
  }
})

export { gridOf, operands, SHAPES, wgslOf }
