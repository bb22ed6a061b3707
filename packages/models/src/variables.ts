/** What outlives a run: parameters, moments, caches, by name, shared by the programs of one device. */
import { MeshError } from '@gradmesh/core'
import type { Device, Tensor } from '@gradmesh/tensor'

export class Variables {
  readonly device: Device
  readonly #tensors = new Map<string, Tensor<'f32'>>()

  constructor(device: Device) {
    this.device = device
  }

  /** The variable of that name, made all zero where there is none yet. */
  get(name: string, length: number): Tensor<'f32'> {
    let tensor = this.#tensors.get(name)
    if (tensor === undefined) {
      tensor = this.device.tensor('f32', length, name)
      this.#tensors.set(name, tensor)
    }
    if (tensor.length !== length) {
      throw new MeshError('MODEL_TENSOR', `${name} has ${tensor.length} elements, not ${length}`, {
        remedy: 'use the configuration that the weights were made with',
        data: { name, length, found: tensor.length }
      })
    }
    return tensor
  }

  write(name: string, data: Float32Array): void {
    this.device.write(this.get(name, data.length), data)
  }

  /** These variables, through one copy and one wait. */
  async read(names: readonly string[]): Promise<Float32Array[]> {
    return this.device.read(names.map(name => this.get(name, this.#tensors.get(name)?.length ?? 0)))
  }

  /** Sets all variables of a kind to zero: those whose name starts with `prefix`. */
  clear(prefix: string): void {
    const found = [...this.#tensors].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [tensor] : []))
    this.device.submit(step => {
      for (const tensor of found) step.clear(tensor)
    })
  }

  bytes(prefix = ''): number {
    return [...this.#tensors].reduce(
      (sum, [name, { bytes }]) => sum + (name.startsWith(prefix) ? bytes : 0),
      0
    )
  }

  free(): void {
    for (const tensor of this.#tensors.values()) tensor.free()
    this.#tensors.clear()
  }
}
