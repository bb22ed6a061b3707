/** A model with its initial weights on a device. */
import type { Device } from '@gradmesh/tensor'
import { type Head, initialise, type Model, modelOf, readConfig, Variables } from '../../src/index.ts'

export const start = (device: Device, json: object, head: Head): { model: Model; variables: Variables } => {
  const model = modelOf(readConfig(json), head)
  const variables = new Variables(device)
  initialise(model.tensors, variables, new Uint8Array(32).fill(7))
  return { model, variables }
}

/** All weights of the model by name. */
export const weightsOf = async (model: Model, variables: Variables): Promise<Map<string, Float32Array>> => {
  const names = model.tensors.map(({ name }) => name)
  const values = await variables.read(names)
  return new Map(names.map((name, i) => [name, values[i]!]))
}

export const largest = (values: Iterable<number>): number => {
  let top = 0
  for (const value of values) top = Math.max(top, Math.abs(value))
  return top
}
