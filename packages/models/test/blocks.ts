/** Every block: result and gradients beside its float64 twin, and the twin beside central differences. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openDevice } from '@gradmesh/tensor'
import t from 'tap'
import {
  activate,
  add,
  attention,
  convolution,
  dropout,
  embedding,
  layerNorm,
  linear,
  pickRows,
  pooling,
  product,
  rmsNorm,
  rotary,
  split,
  sumRows,
  swiglu,
  type Tape,
  turns,
  type Value
} from '../src/index.ts'
import { type BlockCase, checkBlock } from './support/block.ts'
import { keeps } from './support/philox.ts'

const index = Uint32Array.of(3, 0, 3, 6, 3)
const shares = Float32Array.of(0.2, 0.2, 0.2, 0.2, 0.2, 0.5, 0.5, 0, 0, 0)
const lengths = Uint32Array.of(5, 2)
const seen = { batch: 2, length: 5, heads: 4, kvHeads: 2, dim: 8 }
const scalars = { batch: 2, queries: 5, keys: 5, heads: 4, kvHeads: 2, dim: 8, scale: 1 / Math.sqrt(8) }
const qkv = { q: [2, 5, 4, 8], k: [2, 5, 2, 8], v: [2, 5, 2, 8] }
const image = { batch: 2, height: 6, width: 6 }

/** The block that the README shows, taken from the page. */
const page = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
const [, source] = /## A block of your own.*?```ts\n(.*?)```/s.exec(page)!
const shown = join(t.testdir({ 'scaled.ts': source! }), 'scaled.ts')
const { scaled } = (await import(pathToFileURL(shown).href)) as {
  scaled: (t: Tape, x: Value, factor: number) => Value
}

const cases: BlockCase[] = [
  {
    name: 'the block of the README',
    shapes: { x: [37] },
    tape: (t, p) => scaled(t, p('x'), -2.5),
    twin: (g, p) =>
      g.each(
        p('x'),
        v => -2.5 * v,
        () => -2.5
      )
  },
  {
    name: 'product with bias and residual',
    shapes: { x: [5, 8], w: [12, 8], b: [12], r: [5, 12] },
    tape: (t, p) => {
      const shape = { rows: 5, inputs: 8, outputs: 12 }
      return product(t, p('x'), p('w'), shape, { bias: p('b'), residual: p('r') })
    },
    twin: (g, p) => g.add(g.linear(p('x'), p('w'), p('b'), 12), p('r'))
  },
  {
    name: 'product with weights as (inputs, outputs)',
    shapes: { x: [5, 8], w: [8, 12] },
    tape: (t, p) => product(t, p('x'), p('w'), { rows: 5, inputs: 8, outputs: 12, transposed: true }),
    twin: (g, p) => g.linear(p('x'), p('w'), undefined, 12, true)
  },
  {
    name: 'one matrix twice, its gradients added up',
    shapes: { x: [4, 8], w: [8, 8] },
    tape: (t, p) => {
      const shape = { rows: 4, inputs: 8, outputs: 8 }
      return product(t, product(t, p('x'), p('w'), shape), p('w'), shape)
    },
    twin: (g, p) => g.linear(g.linear(p('x'), p('w'), undefined, 8), p('w'), undefined, 8)
  },
  {
    name: 'a layer with its adapter',
    shapes: {
      x: [5, 8],
      'l.weight': [12, 8],
      'l.bias': [12],
      'l.lora_A.weight': [4, 8],
      'l.lora_B.weight': [12, 4]
    },
    tape: (t, p) => linear(t, p('x'), 'l', { rows: 5, inputs: 8, outputs: 12, bias: true }),
    twin: (g, p) =>
      g.add(
        g.linear(p('x'), p('l.weight'), p('l.bias'), 12),
        g.linear(g.linear(p('x'), p('l.lora_A.weight'), undefined, 4), p('l.lora_B.weight'), undefined, 12)
      )
  },
  {
    name: 'feed-forward with GELU in its tanh form, slope in the epilogue',
    shapes: { x: [5, 8], u: [16, 8], d: [8, 16] },
    tape: (t, p) => {
      const up = product(t, p('x'), p('u'), { rows: 5, inputs: 8, outputs: 16 })
      return product(t, activate(t, up, 'gelu_new'), p('d'), { rows: 5, inputs: 16, outputs: 8 })
    },
    twin: (g, p) => g.linear(g.geluTanh(g.linear(p('x'), p('u'), undefined, 16)), p('d'), undefined, 8)
  },
  {
    name: 'GELU in its tanh form alone',
    shapes: { x: [37] },
    tape: (t, p) => activate(t, p('x'), 'gelu_new'),
    twin: (g, p) => g.geluTanh(p('x'))
  },
  {
    name: 'GELU by erf',
    shapes: { x: [37] },
    tape: (t, p) => activate(t, p('x'), 'gelu'),
    twin: (g, p) => g.gelu(p('x'))
  },
  {
    name: 'tanh',
    shapes: { x: [37] },
    tape: (t, p) => activate(t, p('x'), 'tanh'),
    twin: (g, p) => g.tanh(p('x'))
  },
  {
    name: 'ReLU',
    shapes: { x: [37] },
    keepsOff: true,
    tape: (t, p) => activate(t, p('x'), 'relu'),
    twin: (g, p) => g.relu(p('x'))
  },
  {
    name: 'SwiGLU',
    shapes: { gate: [4, 9], up: [4, 9] },
    tape: (t, p) => swiglu(t, p('gate'), p('up')),
    twin: (g, p) => g.swiglu(p('gate'), p('up'))
  },
  {
    name: 'a sum of a value with itself',
    shapes: { x: [11] },
    tape: (t, p) => add(t, p('x'), p('x')),
    twin: (g, p) => g.add(p('x'), p('x'))
  },
  {
    name: 'embeddings, a row more than once',
    shapes: { table: [7, 8] },
    inputs: { index },
    tape: (t, p) => embedding(t, t.input('u32', 'index', 5), p('table'), 8),
    twin: (g, p) => g.rows(p('table'), index, 8)
  },
  {
    name: 'a tied table: looked up and multiplied by',
    shapes: { table: [8, 8] },
    inputs: { index },
    tape: (t, p) => {
      const x = embedding(t, t.input('u32', 'index', 5), p('table'), 8)
      return product(t, x, p('table'), { rows: 5, inputs: 8, outputs: 8 })
    },
    twin: (g, p) => g.linear(g.rows(p('table'), index, 8), p('table'), undefined, 8)
  },
  {
    name: 'rows picked',
    shapes: { x: [7, 8] },
    inputs: { index },
    tape: (t, p) => pickRows(t, p('x'), t.input('u32', 'index', 5), 8),
    twin: (g, p) => g.rows(p('x'), index, 8)
  },
  {
    name: 'rows weighed together',
    shapes: { x: [2, 5, 8] },
    inputs: { shares },
    tape: (t, p) => sumRows(t, p('x'), t.input('f32', 'shares', 10), { batch: 2, length: 5, width: 8 }),
    twin: (g, p) => g.weighed(p('x'), shares, 5, 8)
  },
  {
    name: 'columns split',
    shapes: { x: [5, 12] },
    tape: (t, p) => {
      const [a, b, c] = split(t, p('x'), 5, 3)
      return add(t, add(t, a!, c!), activate(t, b!, 'tanh'))
    },
    twin: (g, p) => {
      const part = (i: number) => g.columns(p('x'), 12, 4 * i, 4)
      return g.add(g.add(part(0), part(2)), g.tanh(part(1)))
    }
  },
  {
    name: 'layer norm',
    shapes: { x: [70, 12], 'n.weight': [12], 'n.bias': [12] },
    tape: (t, p) => layerNorm(t, p('x'), 'n', { rows: 70, columns: 12, epsilon: 1e-5 }),
    twin: (g, p) => g.norm(p('x'), p('n.weight'), p('n.bias'), 1e-5)
  },
  {
    name: 'layer norm after a residual stream',
    shapes: { x: [3, 12], r: [3, 12], 'n.weight': [12], 'n.bias': [12] },
    tape: (t, p) => layerNorm(t, p('x'), 'n', { rows: 3, columns: 12, epsilon: 1e-12 }, p('r')),
    twin: (g, p) => g.norm(g.add(p('x'), p('r')), p('n.weight'), p('n.bias'), 1e-12)
  },
  {
    name: 'RMS norm',
    shapes: { x: [70, 12], 'n.weight': [12] },
    tape: (t, p) => rmsNorm(t, p('x'), 'n', { rows: 70, columns: 12, epsilon: 1e-5 }),
    twin: (g, p) => g.norm(p('x'), p('n.weight'), undefined, 1e-5)
  },
  {
    name: 'rotary positions',
    shapes: { x: [2, 5, 3, 8] },
    tape: (t, p) => {
      const turn = turns(t, { dim: 8, base: 100, length: 5, positionsMax: 9 })
      return rotary(t, p('x'), turn, { tokens: 10, heads: 3, dim: 8, period: 5 })
    },
    twin: (g, p) => g.rotary(p('x'), 5, 3, 8, 100)
  },
  {
    name: 'attention, causal, grouped queries',
    shapes: qkv,
    tape: (t, p) => attention(t, { q: p('q'), k: p('k'), v: p('v') }, scalars, { causal: true }),
    twin: (g, p) => g.attention(p('q'), p('k'), p('v'), seen, (_, i, j) => j <= i)
  },
  {
    name: 'attention, both ways, padded',
    shapes: qkv,
    inputs: { lengths },
    tape: (t, p) =>
      attention(t, { q: p('q'), k: p('k'), v: p('v') }, scalars, { lengths: t.input('u32', 'lengths', 2) }),
    twin: (g, p) => g.attention(p('q'), p('k'), p('v'), seen, (b, _, j) => j < lengths[b]!)
  },
  {
    name: 'dropout',
    shapes: { x: [41] },
    numbers: { step: 3 },
    tape: (t, p) => dropout(t, p('x'), 0.25),
    twin: (g, p) => g.drop(p('x'), i => keeps({ seed: 5, step: 3, stream: 0, rate: 0.25 }, i), 1 / 0.75)
  },
  {
    name: 'convolution',
    shapes: { x: [2, 6, 6, 4], 'c.weight': [3, 3, 4, 8], 'c.bias': [8] },
    tape: (t, p) => {
      const shape = { ...image, inputs: 4, outputs: 8, size: 3, stride: 1, padding: 1 }
      return convolution(t, p('x'), 'c', shape, { relu: false })
    },
    twin: (g, p) => {
      const shape = { batch: 2, size: 6, window: 3, inputs: 4, outputs: 8 }
      return g.convolution(p('x'), p('c.weight'), p('c.bias'), shape)
    }
  },
  {
    name: 'convolution with ReLU and pooling',
    shapes: { x: [2, 6, 6, 1], 'c.weight': [3, 3, 1, 4], 'c.bias': [4] },
    tape: (t, p) => {
      const shape = { ...image, inputs: 1, outputs: 4, size: 3, stride: 1, padding: 1 }
      return pooling(t, convolution(t, p('x'), 'c', shape), { ...image, channels: 4, size: 2, stride: 2 })
    },
    twin: (g, p) => {
      const shape = { batch: 2, size: 6, window: 3, inputs: 1, outputs: 4 }
      return g.pooling(g.relu(g.convolution(p('x'), p('c.weight'), p('c.bias'), shape)), 2, 6, 4)
    }
  },
  {
    name: 'pooling by the mean',
    shapes: { x: [2, 6, 6, 3] },
    tape: (t, p) => pooling(t, p('x'), { ...image, channels: 3, size: 2, stride: 2 }, true),
    twin: (g, p) => g.pooling(p('x'), 2, 6, 3, true)
  },
  {
    name: 'a block that is computed again',
    checkpoint: true,
    numbers: { step: 7 },
    shapes: { x: [5, 8], u: [16, 8], d: [8, 16], 'n.weight': [8] },
    tape: (t, p) => {
      const h = rmsNorm(t, p('x'), 'n', { rows: 5, columns: 8, epsilon: 1e-5 })
      const up = product(t, h, p('u'), { rows: 5, inputs: 8, outputs: 16 })
      const bent = dropout(t, activate(t, up, 'gelu'), 0.5)
      return product(t, bent, p('d'), { rows: 5, inputs: 16, outputs: 8 }, { residual: p('x') })
    },
    twin: (g, p) => {
      const bent = g.gelu(g.linear(g.norm(p('x'), p('n.weight'), undefined, 1e-5), p('u'), undefined, 16))
      const dropped = g.drop(bent, i => keeps({ seed: 5, step: 7, stream: 0, rate: 0.5 }, i), 2)
      return g.add(g.linear(dropped, p('d'), undefined, 8), p('x'))
    }
  }
]

t.test('blocks', async t => {
  using device = await openDevice()
  for (const item of cases) {
    const found = await checkBlock(device, item)
    const worst = found.reduce((a, b) => (b.worst > a.worst ? b : a))
    t.ok(worst.worst < 2e-5, `${item.name}: ${worst.what} ${worst.worst.toExponential(1)}`)
  }
})
