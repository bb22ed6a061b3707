/** One run of a mesh inside this process, and one run of plain training on as many samples. */
import { assert, concatBytes, isFault, Prng, systemClock, utf8 } from '@gradmesh/core'
import {
  debit,
  decodeDelta,
  type Layout,
  makeLayout,
  outerStep,
  pack,
  paddedLength,
  unpack,
  WEIGHT_TOTAL
} from '@gradmesh/delta'
import { rateAt, type Schedule } from '@gradmesh/models'
import {
  fallen,
  floatView,
  innerRate,
  type Recipe,
  type Report,
  shareDone,
  type Task,
  type Trainer,
  trainRound
} from '@gradmesh/train'

export interface RunInput {
  readonly task: Task
  readonly trainer: Trainer
  readonly recipe: Recipe
  readonly peers: number
  readonly seed: Uint8Array
  /** Samples of the training set. */
  readonly samples: number
  /** Of the task's based tensors. */
  readonly bases?: ReadonlyMap<string, Int32Array>
  /** Hears of every round, or as many steps of one process. */
  readonly tell?: (done: number, of: number, loss: number | null) => void
}

export interface RunResult {
  /** Of the final weights, on the held-out samples. */
  readonly report: Report
  readonly steps: number
  readonly seconds: number
  /** Mean of a delta's payload, without header and signature; 0 where none is sent. */
  readonly payloadBytes: number
}

/** `peers` peers by turns, each round as a mesh does it: assign, train, compress, decode, aggregate, step. */
export const runMesh = async (input: RunInput): Promise<RunResult> => {
  const { task, trainer, recipe, peers } = input
  const { innerSteps, batch, rounds, errorDecayQ8 } = recipe
  const layout = layoutOf(task, recipe)
  const rows = rowStream(input)
  let weights: Int32Array = initialWeights(input, layout)
  const errors: Int32Array[] = Array.from({ length: peers }, () => new Int32Array(paddedLength(layout)))
  let payloadBytes = 0
  const startMs = systemClock.nowMs()
  for (let round = 0; round < rounds; round++) {
    const deltas = []
    let loss = 0
    for (let peer = 0; peer < peers; peer++) {
      const trained = await trainRound({
        trainer,
        layout,
        weights,
        error: errors[peer]!,
        decayQ8: errorDecayQ8,
        rows: rows(innerSteps * batch),
        innerSteps,
        batch,
        rate: fallen(innerRate(recipe, round), task, shareDone(round, rounds)),
        deadlineMs: Number.POSITIVE_INFINITY,
        clock: systemClock
      })
      const delta = decodeDelta(layout, trained.payload)
      assert(!isFault(delta), 'an own delta decodes')
      errors[peer] = debit(trained.accumulated, delta, layout)
      deltas.push({ delta, weight: Math.floor(WEIGHT_TOTAL / peers) })
      payloadBytes += trained.payload.length / (rounds * peers)
      loss += trained.loss / peers
    }
    weights = outerStep(layout, weights, deltas, recipe.outerRateQ16)
    input.tell?.(round + 1, rounds, loss)
  }
  const seconds = (systemClock.nowMs() - startMs) / 1000
  const report = await trainer.evaluate(floatView(unpack(layout, weights)))
  return { report, steps: rounds * peers * innerSteps, seconds, payloadBytes }
}

/**
 * As many steps of the same batch as the whole mesh does, one after the other, nothing compressed. A mean over peers
 * takes out what the last steps left of chance; one process does so by a rate that falls.
 */
export const runOneProcess = async (
  input: RunInput,
  rate: number,
  fall: Schedule['shape'] = 'constant'
): Promise<RunResult> => {
  const { trainer, recipe, peers } = input
  const steps = recipe.rounds * peers * recipe.innerSteps
  const rows = rowStream(input)
  const start = startOf(input)
  const startMs = systemClock.nowMs()
  trainer.load(start)
  for (let step = 0; step < steps; step++) {
    await trainer.step(rows(recipe.batch), rateAt({ peak: rate, steps, shape: fall }, step))
    if ((step + 1) % (peers * recipe.innerSteps) === 0) input.tell?.(step + 1, steps, null)
  }
  const { difference } = await trainer.finish()
  const seconds = (systemClock.nowMs() - startMs) / 1000
  const report = await trainer.evaluate(start.map((value, i) => value - difference[i]!))
  return { report, steps, seconds, payloadBytes: 0 }
}

/** The weights that both begin with. */
export const startOf = (input: RunInput): Float32Array => {
  const layout = layoutOf(input.task, input.recipe)
  return floatView(unpack(layout, initialWeights(input, layout)))
}

const lengthOf = ({ shape }: { readonly shape: readonly number[] }): number =>
  shape.reduce((a, b) => a * b, 1)

const layoutOf = (task: Task, { chunk, keep }: Recipe): Layout =>
  makeLayout(
    task.tensors().map(tensor => ({ name: tensor.name, length: lengthOf(tensor) })),
    { chunk, keep }
  )

const initialWeights = ({ task, seed, bases }: RunInput, layout: Layout): Int32Array => {
  const random = new Prng(concatBytes(utf8('bench/weights'), seed))
  const tensors = task.tensors()
  const values = new Int32Array(tensors.reduce((sum, tensor) => sum + lengthOf(tensor), 0))
  let at = 0
  for (const tensor of tensors) {
    const length = lengthOf(tensor)
    const base = bases?.get(tensor.name)
    assert(tensor.based === (base !== undefined), 'every based tensor has its base')
    if (base !== undefined) values.set(base, at)
    else
      for (let i = at; i < at + length; i++)
        values[i] = random.below(2 * tensor.initBound + 1) - tensor.initBound
    at += length
  }
  return pack(layout, values)
}

/** Rows of one seeded permutation after another: no sample comes twice before all came once. */
const rowStream = ({ samples, seed }: RunInput): ((count: number) => Uint32Array) => {
  const random = new Prng(concatBytes(utf8('bench/rows'), seed))
  const order = Uint32Array.from({ length: samples }, (_, i) => i)
  let at = samples
  return count =>
    Uint32Array.from({ length: count }, () => {
      if (at === samples) {
        random.shuffle(order)
        at = 0
      }
      return order[at++]!
    })
}
