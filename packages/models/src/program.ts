/** A tape on a device: memory planned once, every run one submit. */
import { MeshError } from '@gradmesh/core'
import type { Device, ElementType, HostArray, Tensor } from '@gradmesh/tensor'
import { type Plan, plan } from './plan.ts'
import type { Numbers, Op, Tape, Value } from './tape.ts'
import type { Variables } from './variables.ts'

interface Dispatch extends Op {
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly zeroed: Tensor | undefined
}

export interface ProgramMemory {
  /** Activations and gradients while they live. */
  readonly slotBytes: number
  /** The same if nothing shared memory. */
  readonly valueBytes: number
  readonly inputBytes: number
}

export class Program {
  readonly device: Device
  readonly memory: ProgramMemory
  readonly #dispatches: readonly Dispatch[]
  readonly #inputs = new Map<string, Tensor>()
  readonly #tensors = new Map<Value, Tensor>()
  readonly #owned: Tensor[] = []

  constructor(tape: Tape, variables: Variables) {
    this.device = variables.device
    const ops = tape.pruned()
    const planned = plan(ops, tape.outputs)
    const slots = planned.slots.map(({ type, length }, i) => this.#own(type, length, `slot ${i}`))
    const tensorOf = (value: Value): Tensor => {
      let tensor = this.#tensors.get(value)
      if (tensor === undefined) {
        tensor = this.#place(value, planned, slots, variables)
        this.#tensors.set(value, tensor)
      }
      return tensor
    }
    this.#dispatches = ops.map(op => ({
      ...op,
      tensors: Object.fromEntries(Object.entries(op.arrays).map(([name, value]) => [name, tensorOf(value)])),
      zeroed: op.cleared && tensorOf(op.cleared)
    }))
    const inputBytes = [...this.#inputs.values()].reduce((sum, { bytes }) => sum + bytes, 0)
    this.memory = { slotBytes: planned.slotBytes, valueBytes: planned.valueBytes, inputBytes }
  }

  get dispatches(): number {
    return this.#dispatches.length
  }

  get inputs(): readonly string[] {
    return [...this.#inputs.keys()]
  }

  /** Compiles what the first run would compile, without blocking. */
  async prepare(): Promise<void> {
    await Promise.all(
      this.#dispatches.map(({ kernel, scalars, options }) => this.device.prepare(kernel, scalars, options))
    )
  }

  /** Sets an input for the next run. Throws MODEL_INPUT for a name that the program has not. */
  write(name: string, data: HostArray<ElementType>): void {
    const tensor = this.#inputs.get(name)
    if (tensor === undefined || tensor.length !== data.length) {
      throw new MeshError('MODEL_INPUT', `no input ${name} of ${data.length} elements`, {
        remedy: `this program takes ${[...this.#inputs].map(([known, { length }]) => `${known} (${length})`).join(', ')}`,
        data: { name, length: data.length }
      })
    }
    this.device.write(tensor, data as never)
  }

  /** One submit. `await device.room()` between runs of a loop. */
  run(inputs: Readonly<Record<string, HostArray<ElementType>>>, numbers: Numbers = {}): void {
    for (const [name, data] of Object.entries(inputs)) this.write(name, data)
    this.device.submit(step => {
      for (const { kernel, tensors, scalars, options, now, zeroed } of this.#dispatches) {
        if (zeroed !== undefined) step.clear(zeroed)
        step.run(kernel, tensors, now === undefined ? scalars : { ...scalars, ...now(numbers) }, options)
      }
    })
  }

  /** Outputs of the newest run, through one copy and one wait. */
  async read(values: readonly Value[]): Promise<Float32Array[]> {
    const tensors = values.map(value => this.#tensors.get(value)!.view(0, value.length) as Tensor<'f32'>)
    return this.device.read(tensors)
  }

  free(): void {
    for (const tensor of this.#owned) tensor.free()
  }

  #own<T extends ElementType>(type: T, length: number, label: string): Tensor<T> {
    const tensor = this.device.tensor(type, length, label)
    this.#owned.push(tensor)
    return tensor
  }

  #place(value: Value, { slotOf }: Plan, slots: readonly Tensor[], variables: Variables): Tensor {
    const { role, type, length, label, data } = value
    switch (role) {
      case 'computed':
        return slots[slotOf.get(value)!]!
      case 'variable':
        return variables.get(label, length)
      case 'input': {
        const tensor = this.#own(type, length, label)
        this.#inputs.set(label, tensor)
        return tensor
      }
      case 'constant': {
        const tensor = this.#own(type, length, label)
        this.device.write(tensor, data as never)
        return tensor
      }
    }
  }
}
