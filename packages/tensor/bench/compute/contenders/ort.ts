/** ONNX Runtime: `node ort.ts webgpu ADAPTER`, `node ort.ts wasm` or `node ort.ts node`; products alone. */
import { matmulModel } from './onnx.ts'
import { browserGpu, load, type Open, serve, values } from './serve.ts'

type OrtTensor = { dispose(): void; getData(): Promise<unknown> }
type Session = { run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>> }
type Ort = {
  readonly default?: Ort
  readonly env: {
    readonly wasm: { numThreads: number }
    readonly webgpu: { readonly device: Promise<GPUDevice> | GPUDevice }
  }
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> }
  readonly Tensor: {
    new (type: string, data: Float32Array, shape: number[]): OrtTensor
    fromGpuBuffer(buffer: GPUBuffer, options: { dataType: string; dims: number[] }): OrtTensor
  }
}

const [provider = 'wasm', adapter = ''] = process.argv.slice(2)
if (provider === 'webgpu') await browserGpu(adapter)
const MODULES: Readonly<Record<string, string>> = {
  webgpu: './node_modules/onnxruntime-web/dist/ort.webgpu.min.mjs',
  wasm: 'onnxruntime-web',
  node: 'onnxruntime-node'
}
const module = await load<Ort>(MODULES[provider]!)
const ort = module.default ?? module
if (provider === 'wasm') ort.env.wasm.numThreads = 2

/** On the GPU and there to stay, for out as for a and b: what a careful caller of the library does. */
const onGpu = async (data: Float32Array, dims: number[]): Promise<OrtTensor> => {
  const device = await ort.env.webgpu.device
  const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage
  const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE | COPY_DST | COPY_SRC })
  device.queue.writeBuffer(buffer, 0, data as GPUAllowSharedBufferSource)
  return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims })
}

const open: Open = async (name, form, sizes) => {
  if (name !== 'matmul' || form !== 'nn') return undefined
  const [m, n, k] = sizes as [number, number, number]
  const gpu = provider === 'webgpu'
  const session = await ort.InferenceSession.create(matmulModel(m, n, k), {
    executionProviders: [provider === 'node' ? 'cpu' : provider],
    intraOpNumThreads: 2,
    ...(gpu && { preferredOutputLocation: 'gpu-buffer' })
  })
  const make = async (data: Float32Array, dims: number[]) =>
    gpu ? await onGpu(data, dims) : new ort.Tensor('float32', data, dims)
  const feeds = { a: await make(values(m * k, 1), [m, k]), b: await make(values(k * n, 2), [k, n]) }
  const run = async (): Promise<void> => {
    const { out } = await session.run(feeds)
    if (gpu) await (await ort.env.webgpu.device).queue.onSubmittedWorkDone()
    out!.dispose()
  }
  return { repeats: 1, run }
}

await serve(open)
