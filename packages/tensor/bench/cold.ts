/**
 * How long the first use of each kernel takes on an adapter that has compiled nothing yet, driver
 * included, for every form that its cases ask for.
 *
 *     node packages/tensor/bench/cold.ts [--limit 1500] [--kernel matmul] [--json]
 *
 * With Mesa and NVIDIA the disk caches are off. Exit code 1 when one takes longer than the limit (ms).
 */
import { kernels } from '../src/index.ts'
import { coldStarts } from './cold/run.ts'
import { countOf, readFlags, refuse } from './flags.ts'

const { values } = readFlags({
  limit: { type: 'string', default: '1500' },
  kernel: { type: 'string', default: '' },
  json: { type: 'boolean', default: false }
})
const limitMs = countOf('--limit', values.limit)
if (!kernels.some(({ id }) => id.includes(values.kernel))) {
  refuse(`no kernel's id contains "${values.kernel}"; there are ${kernels.map(({ id }) => id).join(', ')}`)
}
const { adapter, starts } = await coldStarts({ kernel: values.kernel })
const slowest = starts.toSorted((a, b) => b.ms - a.ms)
const over = slowest.filter(({ ms }) => ms > limitMs)
if (values.json) console.log(JSON.stringify({ adapter, limitMs, over: over.length, starts: slowest }))
else {
  console.log(`${adapter}: ${starts.length} forms of ${new Set(starts.map(({ id }) => id)).size} kernels`)
  for (const { id, ms, yardsticks, form } of slowest.slice(0, 20)) {
    console.log(
      `${ms.toFixed(0).padStart(6)} ms  ${yardsticks.toFixed(1).padStart(5)} yardsticks  ${id}  ${form}`
    )
  }
  console.log(over.length === 0 ? `none over ${limitMs} ms` : `${over.length} over ${limitMs} ms`)
}
process.exitCode = over.length === 0 ? 0 : 1
