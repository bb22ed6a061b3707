/**
 * The yardstick of the mesh: the same model, trained in this one process on the same number of samples.
 *
 *     node packages/train/bench/one-process.ts --help
 */
import { runOneProcess } from './runs.ts'
import { benchOf, forEachSeed, percent } from './setup.ts'

const bench = benchOf()
await forEachSeed(bench, async (number, seed, trainers, samples) => {
  const run = await runOneProcess({ ...bench, seed, samples, trainer: trainers.single }, bench.oneRate)
  const pace = (run.steps / run.seconds).toFixed(0)
  console.log(`seed ${number}: accuracy ${percent(run.report.score)}, ${run.steps} steps, ${pace} steps/s`)
})
