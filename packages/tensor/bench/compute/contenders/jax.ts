/** jax-js: `node jax.ts ADAPTER`; products alone. */
import { browserGpu, load, type Open, serve, values } from './serve.ts'

type JaxArray = {
  readonly ref: JaxArray
  reshape(shape: number[]): JaxArray
  blockUntilReady(): Promise<JaxArray>
  dispose(): void
}
type Jax = {
  init(device: string): Promise<unknown>
  defaultDevice(device: string): unknown
  readonly numpy: { array(data: Float32Array): JaxArray; matmul(a: JaxArray, b: JaxArray): JaxArray }
}

await browserGpu(process.argv[2] ?? '')
const jax = await load<Jax>('@jax-js/jax')
await jax.init('webgpu')
jax.defaultDevice('webgpu')

const open: Open = async (name, form, sizes) => {
  if (name !== 'matmul' || form !== 'nn') return undefined
  const [m, n, k] = sizes as [number, number, number]
  const a = jax.numpy.array(values(m * k, 1)).reshape([m, k])
  const b = jax.numpy.array(values(k * n, 2)).reshape([k, n])
  const run = async (): Promise<void> => {
    const out = await jax.numpy.matmul(a.ref, b.ref).blockUntilReady()
    out.dispose()
  }
  return { repeats: 1, run }
}

await serve(open)
