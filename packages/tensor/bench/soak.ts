/**
 * Does memory grow? Trains a small perceptron for many steps, each with an upload and every 100th with
 * a readback, and looks at the process's resident memory, the pools and the pipelines as it goes.
 *
 *     node packages/tensor/bench/soak.ts [--steps 100000] [--json]
 *
 * Ends with exit code 1 when resident memory of the last quarter lies above that of the second quarter
 * by more than noise, or when a pool or a pipeline was made after the first hundred steps.
 */
import { parseArgs } from 'node:util'
import { soak } from './soak/run.ts'
import { verdictOf } from './soak/watch.ts'

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false } }
})
const { adapter, samples } = await soak(Number(values.steps), sample => {
  if (values.json) return
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`
  console.log(
    `${String(sample.step).padStart(7)} steps  resident ${mib(sample.residentBytes)}  heap ${mib(sample.heapBytes)}` +
      `  pool peak ${mib(sample.peakBytes)}  staging peak ${mib(sample.stagingPeakBytes)}  compiled ${sample.compilations}`
  )
})
const verdict = verdictOf(samples)
console.log(
  values.json
    ? JSON.stringify({ adapter, ...verdict, samples })
    : `${adapter}: resident memory grew by ${(verdict.growthBytes / 2 ** 20).toFixed(1)} MiB, ` +
        `${(verdict.allowedBytes / 2 ** 20).toFixed(1)} MiB is noise; ` +
        (verdict.grew.length === 0 ? 'nothing grows' : `grows: ${verdict.grew.join(', ')}`)
)
process.exitCode = verdict.grew.length === 0 ? 0 : 1
