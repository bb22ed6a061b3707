/** Loss and every gradient of a whole model beside an implementation in float64 that is written apart. */
import { Prng } from '@gradmesh/core'
import { type Device, openDevice } from '@gradmesh/tensor'
import type { Test } from 'tap'
import { initialWeights, type Model, Program, trainingTape, Variables } from '../../src/index.ts'
import type { BatchShape } from '../../src/models/model.ts'
import { type Difference, difference } from './block.ts'
import { Graph, Node } from './float64.ts'
import type { Find } from './twins.ts'

export const prng = new Prng('models')
export const drawn = (length: number, bound: number): Uint32Array =>
  Uint32Array.from({ length }, () => prng.below(bound))

const [batch, length] = [2, 8]
export const shape = { batch, length }
export const rows = batch * length
export const tokens = drawn(rows, 24)
export const text = { tokens, batch, length }
/** The second sequence's padding counts for nothing. */
export const real = Float32Array.from({ length: rows }, (_, i) => (i < 8 + 4 ? 1 / 12 : 0))
/** Of a label a sequence. */
export const each = Float32Array.of(0.5, 0.5)

/** Worst differences of loss and gradients; biases and norms are moved off 0 and 1 first. */
const compare = async (
  device: Device,
  model: Model,
  shape: BatchShape,
  inputs: Readonly<Record<string, Uint32Array | Float32Array>>,
  twin: (g: Graph, p: Find) => Node
): Promise<Difference[]> => {
  const seed = new Uint8Array(32)
  const variables = new Variables(device)
  const nodes = new Map<string, Node>()
  for (const tensor of model.tensors) {
    const weights = initialWeights(tensor, seed)
    if (tensor.initBound === 0) {
      for (let i = 0; i < weights.length; i++) weights[i]! += Math.fround((prng.below(1024) / 512 - 1) / 4)
    }
    variables.write(tensor.name, weights)
    nodes.set(tensor.name, new Node(weights))
  }
  const graph = new Graph()
  const loss = twin(graph, name => nodes.get(name)!)
  loss.gradient[0] = 1
  graph.backward()

  const tape = trainingTape(model, { shape })
  const trained = tape.trained()
  const gradients = trained.map(parameter => tape.output(tape.gradientOf(parameter)!))
  const program = new Program(tape, variables)
  program.run(inputs)
  const slopes = await program.read(gradients)
  const [sum] = await variables.read(['loss'])
  program.free()
  variables.free()
  return [
    difference('loss', sum!, loss.data),
    ...trained.map(({ label }, i) => difference(label, slopes[i]!, nodes.get(label)!.gradient))
  ]
}

const worst = (found: readonly Difference[]): Difference =>
  found.reduce((a, b) => (b.worst > a.worst ? b : a))

const BOUND = 1e-4

export type Check = (
  name: string,
  ...args: Parameters<typeof compare> extends [Device, ...infer R] ? R : never
) => Promise<void>

/** Runs the checks of one file on one device. */
export const gradientsEqual = async (t: Test, run: (check: Check) => Promise<void>): Promise<void> => {
  using device = await openDevice()
  await run(async (name, ...args) => {
    const found = await compare(device, ...args)
    const { what, worst: by } = worst(found)
    t.equal(found.length, args[0].tensors.length + 1, `${name}: every tensor has a gradient`)
    t.ok(by < BOUND, `${name}: ${what} ${by.toExponential(1)}`)
  })
}
