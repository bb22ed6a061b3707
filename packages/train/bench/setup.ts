/** Flags, device and data that both bench commands share. */
import { parseArgs } from 'node:util'
import { sha256, u32, utf8 } from '@gradmesh/core'
import { openDevice } from '@gradmesh/tensor'
import {
  DIGITS_SHAPE,
  type InnerOptimiser,
  loadDigits,
  mlpTrainer,
  openTask,
  openTrainer,
  type Recipe,
  type Task,
  type Trainer
} from '@gradmesh/train'
import { RECIPE_HELP, recipeFlags, recipeOf, whole } from './flags.ts'

const HELP = `Options, each a whole number:
  --seeds N       runs, each with its own split, start and order (5)
  --peers N       peers of the mesh (4)
${RECIPE_HELP}
  --batch N       samples of a step (64)
  --one-rate-micro N   rate of the training in one process (4000)`

export interface Bench {
  readonly task: Task
  readonly recipe: Recipe
  readonly peers: number
  readonly seeds: number
  readonly oneRate: number
}

export const benchOf = (): Bench => {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      seeds: { type: 'string', default: '5' },
      peers: { type: 'string', default: '4' },
      'one-rate-micro': { type: 'string', default: '4000' },
      batch: { type: 'string', default: '64' },
      ...recipeFlags
    }
  })
  if (values.help === true) {
    console.log(HELP)
    process.exit(0)
  }
  const task = openTask({ id: 'digits', options: {} })
  return {
    task,
    peers: whole(values.peers, HELP),
    seeds: whole(values.seeds, HELP),
    oneRate: whole(values['one-rate-micro'], HELP) * 1e-6,
    recipe: { ...recipeOf(task.recipe, values, HELP), batch: whole(values.batch, HELP) }
  }
}

/** Usual for one long run, and the best seen of a few rates and decays on the digits. */
const ONE_PROCESS: InnerOptimiser = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 }

export interface Trainers {
  /** As a peer has it. */
  readonly peer: Trainer
  /** For the training in one process. */
  readonly single: Trainer
}

/** Calls `run` for each seed with warm trainers on that seed's split. */
export const forEachSeed = async (
  { task, recipe, seeds }: Bench,
  run: (number: number, seed: Uint8Array, trainers: Trainers, samples: number) => Promise<void>
): Promise<void> => {
  using device = await openDevice()
  console.log(`adapter: ${device.info.name}`)
  for (let number = 0; number < seeds; number++) {
    const seed = sha256(utf8('gradmesh/bench'), u32(number))
    const loaded = await task.load({ seed, folder: null })
    const peer = await openTrainer({ device, task, loaded, batch: recipe.batch })
    const single = mlpTrainer(device, DIGITS_SHAPE, await loadDigits(seed), ONE_PROCESS)
    await run(number, seed, { peer, single }, loaded.samples)
    await peer.close()
    await single.close()
  }
}

export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
