/** TensorFlow.js: `node tfjs.ts webgpu ADAPTER` or `node tfjs.ts wasm`. */
import { fileURLToPath } from 'node:url'
import { browserGpu, load, MLP, type Open, serve, values } from './serve.ts'

type T = {
  data(): Promise<Float32Array>
  dispose(): void
}
type Gradients = { readonly value: T; readonly grads: Readonly<Record<string, T>> }
type Tf = {
  setBackend(name: string): Promise<boolean>
  ready(): Promise<void>
  tensor(data: Float32Array, shape: number[]): T
  tensor1d(data: Int32Array, type: string): T
  variable(t: T, trainable: boolean, name: string): T
  oneHot(t: T, depth: number): T
  matMul(a: T, b: T, transposeA?: boolean, transposeB?: boolean): T
  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T | number): T
  div(a: T, b: T | number): T
  sqrt(a: T): T
  relu(a: T): T
  exp(a: T): T
  softmax(a: T): T
  logSumExp(a: T, axis?: number): T
  neg(a: T): T
  sum(a: T, axis?: number, keep?: boolean): T
  mean(a: T, axis?: number, keep?: boolean): T
  gather(a: T, index: T): T
  step(a: T): T
  tidy<R>(work: () => R): R
  square(a: T): T
  slice(a: T, begin: number[], size: number[]): T
}

const [backend = 'wasm', adapter = ''] = process.argv.slice(2)
if (backend === 'webgpu') await browserGpu(adapter)
const tf = await load<Tf>('@tensorflow/tfjs-core')
if (backend === 'wasm') {
  const wasm = await load<{
    setWasmPaths(path: string): void
    setThreadsCount(n: number): void
    default?: { setWasmPaths(path: string): void; setThreadsCount(n: number): void }
  }>('@tensorflow/tfjs-backend-wasm')
  const { setWasmPaths, setThreadsCount } = wasm.default ?? wasm
  setWasmPaths(fileURLToPath(new URL('./node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url)))
  setThreadsCount(2)
} else {
  await load('@tensorflow/tfjs-backend-webgpu')
}
if (!(await tf.setBackend(backend))) throw new TypeError(`no tfjs backend ${backend}`)
await tf.ready()

const random = (shape: number[], seed: number): T =>
  tf.tensor(
    values(
      shape.reduce((a, b) => a * b),
      seed
    ),
    shape
  )

/** Waits by one element, so that no reading back of a whole result counts against the library. */
const settle = async (t: T, rank: number): Promise<void> => {
  const one = tf.slice(t, Array(rank).fill(0), Array(rank).fill(1))
  await one.data()
  one.dispose()
  t.dispose()
}

const each = (rank: number, make: () => T) => ({
  repeats: 1,
  run: () => settle(tf.tidy(make), rank)
})

/** Forward, loss, the way back written out by hand and Adam: no tape, fewer operations than tfjs's own. */
const mlp = () => {
  const { batch, inputs, hidden, classes, samples, steps } = MLP
  const source = random([samples, inputs], 1)
  const names = ['w1', 'b1', 'w2', 'b2'] as const
  const shapes = { w1: [inputs, hidden], b1: [hidden], w2: [hidden, classes], b2: [classes] }
  const scaled = (shape: number[], factor: number) => tf.tidy(() => tf.mul(random(shape, 2), factor))
  const w = Object.fromEntries(names.map(name => [name, scaled(shapes[name], 0.05)]))
  const first = Object.fromEntries(names.map(name => [name, scaled(shapes[name], 0)]))
  const second = Object.fromEntries(names.map(name => [name, scaled(shapes[name], 0)]))
  const step = (): T => {
    const kept = tf.tidy(() => {
      const index = tf.tensor1d(
        Int32Array.from({ length: batch }, (_, i) => (i * 31) % samples),
        'int32'
      )
      const labels = tf.tensor1d(
        Int32Array.from({ length: batch }, (_, i) => i % classes),
        'int32'
      )
      const x = tf.gather(source, index)
      const h = tf.relu(tf.add(tf.matMul(x, w.w1!), w.b1!))
      const z = tf.add(tf.matMul(h, w.w2!), w.b2!)
      const hot = tf.oneHot(labels, classes)
      const loss = tf.mean(tf.sub(tf.logSumExp(z, 1), tf.sum(tf.mul(z, hot), 1)))
      const dz = tf.mul(tf.sub(tf.softmax(z), hot), 1 / batch)
      const dh = tf.mul(tf.matMul(dz, w.w2!, false, true), tf.step(h))
      const g: Gradients['grads'] = {
        w1: tf.matMul(x, dh, true),
        b1: tf.sum(dh, 0),
        w2: tf.matMul(h, dz, true),
        b2: tf.sum(dz, 0)
      }
      const next = names.map(name => {
        const m = tf.add(tf.mul(first[name]!, 0.9), tf.mul(g[name]!, 0.1))
        const v = tf.add(tf.mul(second[name]!, 0.999), tf.mul(tf.square(g[name]!), 0.001))
        const move = tf.div(m, tf.add(tf.sqrt(v), tf.tensor(Float32Array.of(1e-8), [1])))
        return [tf.sub(w[name]!, tf.mul(move, 1e-3)), m, v] as const
      })
      return { loss, next } as unknown as { loss: T; next: [T, T, T][] }
    })
    names.forEach((name, i) => {
      for (const [place, t] of [w, first, second].map((p, j) => [p, kept.next[i]![j]!] as const)) {
        place[name]!.dispose()
        place[name] = t
      }
    })
    return kept.loss
  }
  return {
    repeats: steps,
    run: async () => {
      for (let i = 0; i < steps - 1; i++) step().dispose()
      const loss = step()
      await loss.data()
      loss.dispose()
    }
  }
}

/** Forward and backward, the T x T matrix of each head in memory, as tfjs users write it. */
const attention = ([length, heads, width]: readonly number[]) => {
  const shape = [heads!, length!, width!]
  const [q, k, v, dout] = [1, 2, 3, 4].map(seed => random(shape, seed)) as [T, T, T, T]
  const scale = 1 / Math.sqrt(width!)
  return {
    repeats: 1,
    run: async () => {
      const parts = tf.tidy(() => {
        const p = tf.softmax(tf.mul(tf.matMul(q, k, false, true), scale))
        const out = tf.matMul(p, v)
        const dv = tf.matMul(p, dout, true)
        const dp = tf.matMul(dout, v, false, true)
        const ds = tf.mul(tf.mul(p, tf.sub(dp, tf.sum(tf.mul(p, dp), 2, true))), scale)
        return [out, tf.matMul(ds, k), tf.matMul(ds, q, true), dv]
      })
      for (const part of parts) await settle(part, 3)
    }
  }
}

const layerNorm = (x: T, gain: T, bias: T): T => {
  const centred = tf.sub(x, tf.mean(x, 1, true))
  const variance = tf.mean(tf.square(centred), 1, true)
  const scale = tf.sqrt(tf.add(variance, tf.tensor(Float32Array.of(1e-5), [1, 1])))
  return tf.add(tf.mul(tf.div(centred, scale), gain), bias)
}

const open: Open = async (name, form, sizes) => {
  const [m, n, k] = sizes as [number, number, number]
  if (name === 'matmul') {
    const a = random(form === 'tn' ? [k, m] : [m, k], 1)
    const b = random(form === 'nt' ? [n, k] : [k, n], 2)
    return each(2, () => tf.matMul(a, b, form === 'tn', form === 'nt'))
  }
  if (name === 'mlp') return mlp()
  if (name === 'attention') return attention(sizes)
  const x = random([m, n], 1)
  if (name === 'biasRelu') {
    const bias = random([n], 2)
    return each(2, () => tf.relu(tf.add(x, bias)))
  }
  if (name === 'scaleAdd') {
    const y = random([m, n], 2)
    return each(2, () => tf.add(tf.mul(x, 0.5), tf.mul(y, 0.25)))
  }
  if (name === 'layerNorm') {
    const [gain, bias] = [random([n], 2), random([n], 3)]
    return each(2, () => layerNorm(x, gain, bias))
  }
  if (name === 'softmax') return each(2, () => tf.softmax(x))
  return undefined
}

await serve(open)
