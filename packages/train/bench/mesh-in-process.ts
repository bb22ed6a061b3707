/**
 * A mesh's training without a mesh: every peer's rounds by turns in this one process, through the same
 * integers that peers exchange, beside training in one process on the same number of samples. For
 * choosing a recipe.
 *
 *     node packages/train/bench/mesh-in-process.ts --help
 */
import { runMesh, runOneProcess } from './runs.ts'
import { benchOf, forEachSeed, percent } from './setup.ts'

const bench = benchOf()
console.log(`${bench.peers} peers, ${JSON.stringify(bench.recipe)}, one process at rate ${bench.oneRate}`)
const gaps: number[] = []
const scores: number[] = []
await forEachSeed(bench, async (number, seed, trainers, samples) => {
  const input = { ...bench, seed, samples }
  const mesh = await runMesh({ ...input, trainer: trainers.peer })
  const one = await runOneProcess({ ...input, trainer: trainers.single }, bench.oneRate)
  scores.push(mesh.report.score)
  gaps.push(one.report.score - mesh.report.score)
  console.log(
    `seed ${number}: mesh ${percent(mesh.report.score)}, one process ${percent(one.report.score)}; ` +
      `payload ${mesh.payloadBytes.toFixed(0)} bytes a delta; ` +
      `${(mesh.steps / mesh.seconds).toFixed(0)} and ${(one.steps / one.seconds).toFixed(0)} steps/s`
  )
})
console.log(`worst accuracy ${percent(Math.min(...scores))}, worst gap ${percent(Math.max(...gaps))}`)
