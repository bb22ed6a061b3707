/** What a dispatch was given, held against what its kernel takes. Code GPU_SHAPE. */
import { MeshError } from '@gradmesh/core'
import type { Kernel, Scalars } from '../kernel.ts'
import type { Plan } from './pipelines.ts'
import type { Tensor } from './tensor.ts'

export const checkScalars = (kernel: Kernel, scalars: Scalars): void => {
  for (const [name, type] of Object.entries(kernel.scalars)) {
    const value = scalars[name]
    const fits = type === 'f32' ? Number.isFinite(value) : Number.isInteger(value) && (value ?? -1) >= 0
    if (fits) continue
    throw new MeshError('GPU_SHAPE', `${kernel.id}: scalar ${name} cannot be ${value}`, {
      data: { kernel: kernel.id, scalar: name }
    })
  }
}

export const checkTensors = (
  kernel: Kernel,
  { specs }: Plan,
  tensors: Readonly<Record<string, Tensor>>
): readonly Tensor[] => {
  const names = Object.keys(specs)
  const stranger = Object.keys(tensors).find(name => !names.includes(name))
  if (stranger !== undefined) {
    throw new MeshError('GPU_SHAPE', `${kernel.id} has no array ${stranger} with these options`, {
      data: { kernel: kernel.id, array: stranger }
    })
  }
  return names.map(name => {
    const spec = specs[name]!
    const tensor = tensors[name]
    if (tensor !== undefined && tensor.type === spec.type && tensor.length >= spec.length) return tensor
    const found = tensor === undefined ? 'nothing' : `${tensor.length} ${tensor.type} (${tensor.label})`
    throw new MeshError(
      'GPU_SHAPE',
      `${kernel.id}: array ${name} needs ${spec.length} ${spec.type}, got ${found}`,
      {
        data: { kernel: kernel.id, array: name, length: spec.length }
      }
    )
  })
}
