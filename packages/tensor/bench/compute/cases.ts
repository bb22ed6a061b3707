/** What is measured, under which key of `ratios`, and how many rounds of how many milliseconds. */
export interface Case {
  readonly section: string
  readonly key: string
  /** The line that contenders understand. */
  readonly what: string
  readonly rounds: number
  readonly budgetMs: number
  /** Floating-point operations, or bytes moved at the least, for the table. */
  readonly work: { readonly unit: 'GFLOP/s' | 'GB/s' | 'steps/s'; readonly amount: number }
}

const product = (section: string, key: string, form: string, m: number, n: number, k: number): Case => ({
  section,
  key,
  what: `matmul ${form} ${m} ${n} ${k}`,
  rounds: 7,
  budgetMs: 120,
  work: { unit: 'GFLOP/s', amount: (2 * m * n * k) / 1e9 }
})

const moved = (section: string, name: string, arrays: number, rows: number, columns: number): Case => ({
  section,
  key: name,
  what: `${name} - ${rows} ${columns}`,
  rounds: 7,
  budgetMs: 60,
  work: { unit: 'GB/s', amount: (4 * arrays * rows * columns) / 1e9 }
})

const LENGTH = 1024
const HEADS = 8
const WIDTH = 64

export const CASES: readonly Case[] = [
  product('matmul', '512', 'nn', 512, 512, 512),
  { ...product('matmul', '1024', 'nn', 1024, 1024, 1024), rounds: 11 },
  {
    section: 'mlpStep',
    key: 'step',
    what: 'mlp',
    rounds: 9,
    budgetMs: 120,
    work: { unit: 'steps/s', amount: 1 }
  },
  moved('elementwise', 'biasRelu', 2, 2048, 1024),
  moved('elementwise', 'scaleAdd', 3, 2048, 1024),
  moved('normalisation', 'layerNorm', 2, 4096, 512),
  moved('normalisation', 'softmax', 2, 4096, 512),
  {
    section: 'attention',
    key: '1024x8x64',
    what: `attention - ${LENGTH} ${HEADS} ${WIDTH}`,
    rounds: 3,
    budgetMs: 10,
    // forward 2 products, backward 5, of T x T x width each
    work: { unit: 'GFLOP/s', amount: (7 * 2 * HEADS * LENGTH * LENGTH * WIDTH) / 1e9 }
  }
]

const shape = (form: string, m: number, n: number, k: number): Case =>
  product('shapes', `${form} ${m}x${k}x${n}`, form, m, n, k)

/** Of ours alone, how fast the first is for the second: transposed operands, sizes that fit no vec4. */
export const SHAPE_PAIRS: readonly (readonly [Case, Case])[] = [
  ...[512, 1024].flatMap(size =>
    ['nt', 'tn'].map(form => [shape(form, size, size, size), shape('nn', size, size, size)] as const)
  ),
  ...['nn', 'nt', 'tn'].flatMap(
    form =>
      [
        [shape(form, 511, 511, 511), shape(form, 512, 512, 512)],
        [shape(form, 1000, 129, 37), shape(form, 1000, 136, 40)]
      ] as const
  )
]
