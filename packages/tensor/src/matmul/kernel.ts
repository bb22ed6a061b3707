/** The matmul kernels differ in form and epilogue alone: made here, named in `kernels/`. */
import type { ArraySpec, Kernel } from '../kernel.ts'
import { type Choice, choose } from './choose.ts'
import { dir4, dir4Groups } from './dir4.ts'
import type { Epilogue, Form, Shape, Variant } from './form.ts'
import { tiled, tiledGroups } from './tiled.ts'

/** The choice overrules that for the adapter; dir4 needs subgroups. */
export type MatmulOptions = Partial<Omit<Epilogue, 'adamw' | 'layer'>> & Choice

export const PLAIN: Epilogue = { bias: false, relu: false, gate: false, adamw: false, layer: false }

const wgslOf = (v: Variant) => (v.family === 'dir4' ? dir4(v) : tiled(v))
const gridOf = (shape: Shape, v: Variant) =>
  v.family === 'dir4' ? dir4Groups(shape, v) : tiledGroups(shape, v)

/** The operands as arrays of a dispatch. */
const operands = ({ m, n, k }: Shape) =>
  ({
    a: { type: 'f32', access: 'read', length: m * k },
    b: { type: 'f32', access: 'read', length: k * n }
  }) as const

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

const EPILOGUES: readonly MatmulOptions[] = [{}, { bias: true }, { bias: true, relu: true }, { gate: true }]

/** Families that every adapter can run; the device's own choice comes with `{}`. */
export const FAMILIES: readonly MatmulOptions[] = [{}, { family: 'tiled' }]

export const matmul = (form: Form, id: string): Kernel<Shape, MatmulOptions, Variant> => ({
  id,
  scalars: { m: 'u32', n: 'u32', k: 'u32' },
  arrays(shape, { bias = false, gate = false }) {
    const { m, n } = shape
    const read = (length: number): ArraySpec => ({ type: 'f32', access: 'read', length })
    return {
      ...operands(shape),
      out: { type: 'f32', access: 'update', length: m * n },
      ...(bias && { bias: read(n) }),
      ...(gate && { gate: read(m * n) })
    }
  },
  variant: (shape, { bias = false, relu = false, gate = false, ...choice }, machine) =>
    choose(form, shape, { ...PLAIN, bias, relu, gate }, machine, choice),
  wgsl: wgslOf,
  grid: gridOf,
  reference({ a, b, out, bias, gate }, shape, { relu = false }) {
    productOf(form, a!, b!, shape, (at, sum) => {
      const biased = sum + (bias === undefined ? 0 : bias[at % shape.n]!)
      const bent = relu ? Math.max(biased, 0) : biased
      out![at] = gate !== undefined && !(gate[at]! > 0) ? 0 : bent
    })
  },
  // 1.4e-7 of the sum of |a||b| was the worst seen; 256 products of values below 1.
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  *cases(prng) {
    for (const scalars of SHAPES) {
      for (const family of FAMILIES) yield { scalars, options: { ...prng.pick(EPILOGUES), ...family } }
    }
    for (const options of EPILOGUES) yield { scalars: { m: 32, n: 32, k: 8 }, options }
  }
})

export { gridOf, operands, SHAPES, wgslOf }
