/**
 * A task of one's own: which ring around the origin is a point in? No data set: the points are drawn from the mesh's
 * seed, so that every peer has the same. See docs/how-to/write-a-task.md.
 */
import { concatBytes, Prng, utf8 } from '@gradmesh/core'
import {
  type LabelledData,
  type LoadedTask,
  type MlpShape,
  mlpTensors,
  mlpTrainer,
  OptionReader,
  type Recipe,
  type Task,
  type TaskKind
} from '@gradmesh/train'

const ID = 'rings'

const RECIPE: Recipe = {
  rounds: 20,
  innerSteps: 20,
  batch: 64,
  innerRateMicro: 20_000,
  warmupRounds: 0,
  outerRateQ16: 65_536,
  chunk: 256,
  keep: 64,
  errorDecayQ8: 243
}

const rings: TaskKind = {
  id: ID,
  about: 'in which of some rings around the origin is a point?',
  /** What every peer must agree on, from what `gradmesh init --option KEY=VALUE` said. */
  async found(asked) {
    return rings.open(asked).options
  },
  /** The task from these options alone: each peer has them from the genesis. */
  open(options): Task {
    const read = new OptionReader(ID, options)
    const count = read.whole('rings', { least: 2, most: 10, otherwise: 3 })
    const hidden = read.whole('hidden', { least: 4, most: 4096, otherwise: 64 })
    read.end()
    const shape: MlpShape = { inputs: 2, hidden, outputs: count }
    return {
      id: ID,
      options: { rings: count, hidden },
      recipe: RECIPE,
      scoreName: 'accuracy',
      scoreTarget: 0.9,
      tensors: () => mlpTensors(shape),
      bases: async () => new Map(),
      load: async ({ seed }) => load(shape, seed)
    }
  }
}

export default rings

const load = (shape: MlpShape, seed: Uint8Array): LoadedTask => {
  const points = (name: string, many: number): LabelledData => {
    const random = new Prng(concatBytes(utf8(`${ID}/${name}`), seed))
    const inputs = Float32Array.from({ length: 2 * many }, () => random.below(2 ** 24) / 2 ** 23 - 1)
    const labels = Uint32Array.from({ length: many }, (_, i) => {
      const distance = Math.hypot(inputs[2 * i]!, inputs[2 * i + 1]!)
      return Math.min(shape.outputs - 1, Math.floor(distance * shape.outputs))
    })
    return { count: many, inputSize: 2, inputs, labels }
  }
  const data = { train: points('train', 4000), heldOut: points('held out', 1000) }
  return { samples: data.train.count, trainer: async device => mlpTrainer(device, shape, data) }
}
