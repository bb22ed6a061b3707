/** One block on a device beside its float64 twin: results, gradients, and the twin's by central differences. */
import { Prng } from '@gradmesh/core'
import { add, type Device, scaleRows } from '@gradmesh/tensor'
import { Program, Tape, type Value, Variables } from '../../src/index.ts'
import type { ModelTensor } from '../../src/types.ts'
import { Graph, Node } from './float64.ts'

export interface BlockCase {
  readonly name: string
  /** Trainable arrays by name; the first is the block's input as a rule. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  tape(t: Tape, p: (name: string) => Value): Value
  twin(g: Graph, p: (name: string) => Node): Node
  readonly inputs?: Readonly<Record<string, Uint32Array | Float32Array>>
  readonly numbers?: Readonly<Record<string, number>>
  /** Records the block so that it is computed again on the way back. */
  readonly checkpoint?: boolean
  /** Away from kinks: |x| at least 0.1. */
  readonly keepsOff?: boolean
}

const tensorsOf = (shapes: BlockCase['shapes']): ModelTensor[] =>
  Object.entries(shapes).map(([name, shape]) => ({
    name,
    shape,
    trainable: true,
    initBound: 0,
    initOffset: 0
  }))

export interface Difference {
  readonly what: string
  /** Largest difference, in units of the largest value. */
  readonly worst: number
}

/** Gradients that are zero by symmetry (a bias of keys moves all scores of a row alike) are compared to 1. */
const ZERO = 1e-9

export const difference = (what: string, got: ArrayLike<number>, want: ArrayLike<number>): Difference => {
  let [top, worst] = [0, 0]
  for (let i = 0; i < want.length; i++) {
    top = Math.max(top, Math.abs(want[i]!))
    // What is no number must not look small.
    worst = Math.max(worst, Number.isFinite(got[i]) ? Math.abs(got[i]! - want[i]!) : Infinity)
  }
  return { what, worst: got.length === want.length ? worst / (top < ZERO ? 1 : top) : Infinity }
}

const drawn = (prng: Prng, length: number, keepsOff: boolean): Float32Array =>
  Float32Array.from({ length }, () => {
    const x = prng.below(2 ** 20) / 2 ** 19 - 1
    return keepsOff && Math.abs(x) < 0.1 ? x + Math.sign(x || 1) * 0.1 : x
  })

/** The loss is Σ out · weights, so the block's result gets the gradient `weights`. */
const lossOnTape = (t: Tape, out: Value): void => {
  const weights = t.input('f32', 'loss weights', out.length)
  t.loss(out, () => {
    const ones = t.constant('ones', () => new Float32Array(out.length).fill(1))
    const gradient = t.value(out.length)
    const zero = t.constant('zeros', () => new Float32Array(out.length))
    t.run(add, { a: ones, b: zero, out: gradient }, { count: out.length })
    t.run(scaleRows, { factor: weights, y: gradient }, { rows: out.length, columns: 1 })
    t.pass(out, gradient)
  })
}

const STEP = 1e-5
const SAMPLES = 6

export const checkBlock = async (device: Device, item: BlockCase): Promise<Difference[]> => {
  const prng = new Prng(item.name)
  const tensors = tensorsOf(item.shapes)
  const host = new Map(
    tensors.map(({ name, shape }) => [
      name,
      drawn(
        prng,
        shape.reduce((a, b) => a * b, 1),
        item.keepsOff === true
      )
    ])
  )
  const run = (values: ReadonlyMap<string, ArrayLike<number>>) => {
    const graph = new Graph()
    const nodes = new Map([...values].map(([name, data]) => [name, new Node(data)]))
    return { graph, nodes, out: item.twin(graph, name => nodes.get(name)!) }
  }
  const { graph, nodes, out } = run(host)
  const weights = drawn(prng, out.data.length, false)
  out.gradient.set(weights)
  graph.backward()

  const t = new Tape({ tensors, training: true, seed: 5 })
  const build = () => item.tape(t, name => t.parameter(name))
  const result = t.output(item.checkpoint === true ? t.checkpoint(build) : build())
  lossOnTape(t, result)
  t.backward()
  const gradients = t.trained().map(parameter => t.output(t.gradientOf(parameter)!))
  const variables = new Variables(device)
  for (const [name, data] of host) variables.write(name, data)
  const program = new Program(t, variables)
  program.run({ ...item.inputs, 'loss weights': weights }, item.numbers)
  const [values, ...slopes] = await program.read([result, ...gradients])
  program.free()
  variables.free()

  const found = [difference('result', values!, out.data)]
  t.trained().forEach(({ label }, i) => {
    found.push(difference(`gradient of ${label}`, slopes[i]!, nodes.get(label)!.gradient))
  })
  const total = (values: ReadonlyMap<string, ArrayLike<number>>) =>
    run(values).out.data.reduce((sum, value, i) => sum + value * weights[i]!, 0)
  for (const [name, data] of host) {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const at = prng.below(data.length)
      const moved = (by: number) => {
        const values = Float64Array.from(data)
        values[at]! += by
        return total(new Map<string, ArrayLike<number>>(host).set(name, values))
      }
      const want = (moved(STEP) - moved(-STEP)) / (2 * STEP)
      const got = nodes.get(name)!.gradient[at]!
      found.push({ what: `slope of ${name}[${at}]`, worst: Math.abs(got - want) / (1 + Math.abs(want)) })
    }
  }
  return found
}
