/** Random shapes for any kernel: a case of its own with the sizes drawn anew. */
import type { Prng } from '@gradmesh/core'
import type { Kernel, Scalars } from '../../src/index.ts'

/** Sizes up to these; a kernel with another idea of them is in `FITTED`. */
const SIZES: Readonly<Record<string, number>> = {
  rows: 60,
  columns: 700,
  count: 9000,
  m: 90,
  n: 110,
  k: 90,
  width: 90,
  sourceRows: 50,
  targetRows: 60,
  batch: 3,
  height: 14,
  inputs: 12,
  outputs: 12,
  channels: 9,
  heads: 4,
  queries: 50,
  keys: 60,
  tokens: 40,
  period: 30,
  chunks: 5
}

/** What sizes must have to do with each other. */
const FITTED: Readonly<Record<string, (s: Record<string, number>, prng: Prng) => void>> = {
  'bias-gelu': s => fillRows(s),
  'bias-gelu-backward': s => fillRows(s),
  'bias-relu': s => fillRows(s),
  'clip-factor': s => {
    s.rows = 1
  },
  'layer-norm-weights-backward': (s, prng) => {
    s.rowsPerPart = 1 + prng.below(s.rows!)
  },
  'rms-norm-weights-backward': (s, prng) => {
    s.rowsPerPart = 1 + prng.below(s.rows!)
  },
  attention: (s, prng) => attend(s, prng),
  'attention-backward-q': (s, prng) => attend(s, prng),
  'attention-backward-kv': (s, prng) => attend(s, prng),
  conv2d: (s, prng) => window(s, prng),
  'conv2d-backward-image': (s, prng) => window(s, prng),
  'conv2d-backward-weights': (s, prng) => {
    window(s, prng)
    s.rowsPerPart = 1 + prng.below(6)
  },
  pool2d: (s, prng) => pool(s, prng),
  'pool2d-backward': (s, prng) => pool(s, prng),
  rotary: (s, prng) => {
    s.dim = 2 + 2 * prng.below(40)
  },
  'select-top': (s, prng) => chunk(s, prng),
  'debit-error': (s, prng) => chunk(s, prng)
}

const fillRows = (s: Record<string, number>): void => {
  s.columns = 1 + (s.columns! % 90)
  s.count = Math.ceil(s.count! / s.columns) * s.columns
}
const attend = (s: Record<string, number>, prng: Prng): void => {
  s.dim = 4 * (1 + prng.below(prng.oneIn(4) ? 64 : 17))
  s.kvHeads = prng.pick([1, s.heads!, s.heads! % 2 === 0 ? s.heads! / 2 : 1])
  s.keys = Math.max(s.keys!, s.queries!)
}
const window = (s: Record<string, number>, prng: Prng): void => {
  s.size = 1 + prng.below(Math.min(5, s.height!, s.width!))
  s.stride = 1 + prng.below(3)
  s.padding = prng.below(s.size)
  s.width = 1 + (s.width! % 14)
  s.size = Math.min(s.size, s.width)
}
const pool = (s: Record<string, number>, prng: Prng): void => {
  s.width = 1 + (s.width! % 14)
  s.size = 1 + prng.below(Math.min(3, s.height!, s.width))
  s.stride = 1 + prng.below(3)
}
/** Rows of f16 stand in whole words of four. */
const wholeQuads = (s: Record<string, number>): void => {
  for (const size of ['n', 'k']) s[size] = 4 * Math.ceil(s[size]! / 4)
}
const chunk = (s: Record<string, number>, prng: Prng): void => {
  s.chunk = 4 * (1 + prng.below(300))
  s.keep = 1 + prng.below(Math.min(64, s.chunk))
}

/** One of the kernel's own cases, its sizes drawn anew: mostly small, now and then large. */
export const drawCase = (
  kernel: Kernel,
  prng: Prng
): { readonly scalars: Scalars; readonly options: object } => {
  const { scalars, options = {} } = prng.pick([...kernel.cases(prng)])
  // Strides and leads go with the sizes of the case.
  if (scalars.leadA !== undefined) return { scalars, options }
  const drawn: Record<string, number> = { ...scalars }
  const large = prng.oneIn(4)
  for (const [name, max] of Object.entries(SIZES)) {
    if (drawn[name] !== undefined) drawn[name] = 1 + prng.below(large ? max : Math.max(1, max >> 2))
  }
  FITTED[kernel.id.split('/')[0]!]?.(drawn, prng)
  if ('half' in options) wholeQuads(drawn)
  const sight = drawn.kvHeads === undefined ? {} : { causal: prng.oneIn(2), lengths: prng.oneIn(2) }
  return { scalars: drawn, options: { ...options, ...sight } }
}
