import type { Kernel } from '../kernel.ts'
import { erf64, type MathName, mathText } from '../math.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly count: number }
type O = { readonly f?: MathName }

const REFERENCE: Readonly<Record<MathName, (x: number) => number>> = {
  exp: x => (x < -87 ? 0 : Math.exp(x)),
  log: Math.log,
  tanh: Math.tanh,
  erf: erf64,
  sigmoid: x => 1 / (1 + Math.exp(-x))
}

/**
 * out[i] ← f(x[i]), f of `math.ts` (exp when left out). Same bits as its f32 functions on adapters
 * that do not fuse.
 */
export const unary: Kernel<S, O, Required<O>> = {
  id: 'unary/1',
  scalars: { count: 'u32' },
  arrays: ({ count }, { f = 'exp' }) => ({
    x: {
      type: 'f32',
      access: 'read',
      length: count,
      fill: prng => {
        const x = (prng.below(2 ** 24) / 2 ** 23 - 1) * 20
        return f === 'log' ? Math.exp(x) : x
      }
    },
    out: { type: 'f32', access: 'update', length: count }
  }),
  variant: (_, { f = 'exp' }) => ({ f }),
  wgsl: ({ f }) => {
    const { code, ...rest } = eachVec4(['x', 'out'], `out[i] = ${f}4(x[i]);`).wgsl()
    return { ...rest, code: mathText([f], [4]) + code }
  },
  grid: eachVec4([], '').grid,
  reference({ x, out }, { count }, { f = 'exp' }) {
    for (let i = 0; i < count; i++) out![i] = REFERENCE[f](x![i]!)
  },
  tolerance: { rtol: 4e-7, atol: 6e-7 },
  *cases() {
    for (const f of Object.keys(REFERENCE) as MathName[]) {
      for (const count of [1, 7, 4099]) yield { scalars: { count }, options: { f } }
    }
  }
}
