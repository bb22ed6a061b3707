/**
 * AdamW on a tape, after its way back. Tensors of one dimension (biases, norms) do not decay unless told to. Without
 * clipping each parameter steps as soon as its gradient is whole and its old weights are read no more, so
 * only few gradients live at once; clipping needs the norm of all, hence all of them.
 */
import { adamw, adamwScalars, clipFactor, reduceRows, scaleAdd, scaleByFactor } from '@gradmesh/tensor'
import type { Numbers, Op, Tape, Value } from './tape.ts'
import type { ModelTensor } from './types.ts'

export interface OptimiserOptions {
  /** Decoupled weight decay: one for all tensors of two dimensions and more (0.01), or each tensor's own. */
  readonly decay?: number | ((tensor: ModelTensor) => number)
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  /** Gradients together are shortened to this norm. */
  readonly normMax?: number
}

export interface Gradient {
  readonly parameter: Value
  readonly gradient: Value
}

export const MOMENTS = 'moment '
const SUMS = 'gradient sum '

/** The gradients that `backward` left. */
export const gradientsOf = (t: Tape): Gradient[] =>
  t.trained().flatMap(parameter => {
    const gradient = t.gradientOf(parameter)
    return gradient === undefined ? [] : [{ parameter, gradient }]
  })

/** Adds the gradients to sums that outlive the run; with the number `first` other than 0 it begins anew. */
export const accumulate = (t: Tape): void => {
  for (const { parameter, gradient } of gradientsOf(t)) {
    const count = parameter.length
    const sum = t.variable(SUMS + parameter.label, count)
    const now = ({ first = 0 }: Numbers) => ({ count, scale: 1, add: first === 0 ? 1 : 0 })
    t.run(scaleAdd, { x: gradient, y: sum }, { count, scale: 1, add: 1 }, { now })
  }
}

/** The sums as gradients, for a tape that only steps. */
export const summed = (t: Tape, parameters: readonly string[]): Gradient[] =>
  parameters.map(name => {
    const parameter = t.parameter(name)
    return { parameter, gradient: t.variable(SUMS + name, parameter.length) }
  })

/** Shortens the gradients in place. Gives (factor, norm). */
const clip = (t: Tape, gradients: readonly Gradient[], shapes: Shapes, normMax: number): Value => {
  const squares = t.value(1, 'squares')
  gradients.forEach(({ parameter, gradient }, i) => {
    const columns = shapes.get(parameter.label)!.at(-1)!
    const rows = gradient.length / columns
    const byRow = t.value(rows, 'squares by row')
    const own = t.value(1, 'squares of one')
    t.run(reduceRows, { x: gradient, out: byRow }, { rows, columns }, { options: { op: 'sumSquares' } })
    t.run(reduceRows, { x: byRow, out: own }, { rows: 1, columns: rows })
    t.run(
      scaleAdd,
      { x: own, y: squares },
      { count: 1, scale: 1, add: 1 },
      { ...(i === 0 && { clear: squares }) }
    )
  })
  const factor = t.output(t.value(2, 'clip factor'))
  t.run(clipFactor, { squares, factor }, { rows: 1, columns: 1, normMax })
  for (const { gradient } of gradients)
    t.run(scaleByFactor, { factor, y: gradient }, { count: gradient.length })
  return factor
}

type Shapes = ReadonlyMap<string, readonly number[]>

/** Each op right after the last that touches what it touches. */
const asEarlyAsPossible = (ops: readonly Op[], late: readonly Op[]): Op[] => {
  const lastUse = new Map<Value, number>()
  ops.forEach((op, i) => {
    for (const value of Object.values(op.arrays)) lastUse.set(value, i)
  })
  const after = Map.groupBy(late, op => Math.max(...Object.values(op.arrays).map(v => lastUse.get(v) ?? -1)))
  return ops.flatMap((op, i) => [op, ...(after.get(i) ?? [])])
}

/** Records one step, with the numbers `step` (from 1) and `rate`. Gives (clip factor, norm) if it clips. */
export const optimise = (
  t: Tape,
  tensors: readonly ModelTensor[],
  gradients: readonly Gradient[],
  { normMax, decay = 0.01, ...rest }: OptimiserOptions
): Value | undefined => {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  const decayOf =
    typeof decay === 'function' ? decay : ({ shape }: ModelTensor) => (shape.length > 1 ? decay : 0)
  const decays = new Map(tensors.map(tensor => [tensor.name, decayOf(tensor)]))
  const factor = normMax === undefined ? undefined : clip(t, gradients, shapes, normMax)
  const before = t.ops
  t.ops = []
  for (const { parameter, gradient } of gradients) {
    const count = parameter.length
    const own = decays.get(parameter.label)!
    const now = ({ rate = 0, step = 1 }: Numbers) => ({
      count,
      ...adamwScalars({ ...rest, rate, step, decay: own })
    })
    const moments = {
      first: t.variable(`${MOMENTS}1 ${parameter.label}`, count),
      second: t.variable(`${MOMENTS}2 ${parameter.label}`, count)
    }
    t.run(adamw, { g: gradient, w: parameter, ...moments }, now({}), { now })
  }
  t.ops = asEarlyAsPossible(before, t.ops)
  return factor
}
