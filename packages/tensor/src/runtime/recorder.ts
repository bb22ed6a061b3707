import { MeshError } from '@gradmesh/core'
import { type Kernel, type Machine, type Scalars, spread } from '../kernel.ts'
import type { Bindings } from './bindings.ts'
import { checkScalars, checkTensors } from './checks.ts'
import { type Compiled, type PipelineCache, plan } from './pipelines.ts'
import type { Recording } from './recording.ts'
import type { Tensor } from './tensor.ts'
import type { UniformPages } from './uniforms.ts'

type Command =
  | {
      readonly type: 'run'
      readonly id: string
      readonly pipeline: GPUComputePipeline
      readonly group: GPUBindGroup
      readonly offset: number
      readonly groups: readonly [number, number]
    }
  | { readonly type: 'copy'; readonly from: Tensor; readonly to: Tensor; readonly bytes: number }
  | { readonly type: 'clear'; readonly tensor: Tensor }

/** Checks and binds while recording, so that a bad call throws where it is made; encodes at the end. */
export class Recorder implements Recording {
  readonly #uniforms: UniformPages
  readonly #commands: Command[] = []
  readonly #pipelines: PipelineCache
  readonly #machine: Machine
  readonly #bindings: Bindings

  constructor(pipelines: PipelineCache, machine: Machine, uniforms: UniformPages, bindings: Bindings) {
    this.#uniforms = uniforms
    this.#pipelines = pipelines
    this.#machine = machine
    this.#bindings = bindings
  }

  get dispatches(): number {
    return this.kernels.length
  }

  get kernels(): string[] {
    return this.#commands.flatMap(command => (command.type === 'run' ? [command.id] : []))
  }

  run<S extends Scalars, O extends object>(
    kernel: Kernel<S, O>,
    tensors: Readonly<Record<string, Tensor>>,
    scalars: S,
    options: O = {} as O
  ): void {
    const any = kernel as unknown as Kernel
    checkScalars(any, scalars)
    const planned = plan(kernel, scalars, options, this.#machine)
    const bound = checkTensors(any, planned, tensors)
    const compiled = this.#pipelines.get(any, planned)
    this.#push(any, compiled, bound, scalars, spread(any.grid(scalars, planned.variant)))
  }

  /** One workgroup, on tensors too short for it: WebGPU keeps every access inside its binding. */
  runOnce(kernel: Kernel, compiled: Compiled, tensors: readonly Tensor[], scalars: Scalars): void {
    this.#push(kernel, compiled, tensors, scalars, [1, 1])
  }

  #push(
    kernel: Kernel,
    compiled: Compiled,
    tensors: readonly Tensor[],
    scalars: Scalars,
    groups: readonly [number, number]
  ): void {
    const { page, offset } = this.#uniforms.push(kernel, scalars)
    const group = this.#bindings.group(kernel, compiled, tensors, page)
    this.#commands.push({
      type: 'run',
      id: kernel.id,
      pipeline: compiled.pipeline,
      group,
      offset,
      groups
    })
  }

  copy(from: Tensor, to: Tensor, length = from.length): void {
    if (length > from.length || length > to.length) {
      throw new MeshError('GPU_SHAPE', `cannot copy ${length} elements from ${from.label} to ${to.label}`, {
        data: { length, from: from.length, to: to.length }
      })
    }
    this.#commands.push({ type: 'copy', from, to, bytes: 4 * length })
  }

  clear(tensor: Tensor): void {
    this.#commands.push({ type: 'clear', tensor })
  }

  /** One compute pass for each run of dispatches between copies. */
  encode(encoder: GPUCommandEncoder): void {
    let pass: GPUComputePassEncoder | undefined
    for (const command of this.#commands) {
      if (command.type === 'run') {
        pass ??= encoder.beginComputePass()
        pass.setPipeline(command.pipeline)
        pass.setBindGroup(0, command.group, [command.offset])
        pass.dispatchWorkgroups(...command.groups)
        continue
      }
      pass?.end()
      pass = undefined
      if (command.type === 'copy') {
        const from = command.from.at()
        const to = command.to.at()
        encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, command.bytes)
      } else {
        const { buffer, offset } = command.tensor.at()
        encoder.clearBuffer(buffer, offset, command.tensor.bytes)
      }
    }
    pass?.end()
  }
}
