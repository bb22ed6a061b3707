/**
 * Every kernel at the largest of its own cases, or those whose id contains the text given: median and
 * best time of a dispatch, and bytes of its arrays a second. Rounds are interleaved.
 *
 *     node packages/tensor/bench/kernels.ts [part of an id] [--rounds 9] [--json]
 */
import { Prng } from '@gradmesh/core'
import { kernels, openDevice, type Tensor } from '../src/index.ts'
import { filled } from '../test/support/arrays.ts'
import { countOf, readFlags, refuse } from './flags.ts'

const { values, positionals } = readFlags(
  { rounds: { type: 'string', default: '9' }, json: { type: 'boolean', default: false } },
  true
)
const rounds = countOf('--rounds', values.rounds)
const part = positionals[0] ?? ''
if (!kernels.some(({ id }) => id.includes(part))) {
  refuse(`no kernel's id contains "${part}"; there are ${kernels.map(({ id }) => id).join(', ')}`)
}
/** A round is long enough that submitting costs nothing beside it. */
const ROUND_MS = 20

using device = await openDevice()

const contenders = kernels
  .filter(({ id }) => id.includes(part))
  .map(kernel => {
    const prng = new Prng(kernel.id)
    const size = ({ scalars, options = {} }: { scalars: Record<string, number>; options?: object }): number =>
      Object.values(kernel.arrays(scalars, options)).reduce((sum, { length }) => sum + 4 * length, 0)
    const largest = [...kernel.cases(prng)].reduce((a, b) => (size(b) > size(a) ? b : a))
    const { scalars, options = {} } = largest
    const tensors: Record<string, Tensor> = {}
    for (const [name, spec] of Object.entries(kernel.arrays(scalars, options))) {
      tensors[name] = device.upload(filled(spec, prng), name)
    }
    const run = async (dispatches: number): Promise<number> => {
      const from = performance.now()
      device.submit(step => {
        for (let i = 0; i < dispatches; i++) step.run(kernel, tensors, scalars, options)
      })
      await device.idle()
      return (performance.now() - from) / dispatches
    }
    return { id: kernel.id, bytes: size(largest), run, dispatches: 1, times: [] as number[] }
  })

for (const contender of contenders) {
  await contender.run(1)
  const ms = await contender.run(4)
  contender.dispatches = Math.max(1, Math.min(1000, Math.round(ROUND_MS / ms)))
}
for (let round = 0; round < rounds; round++) {
  for (const contender of contenders) contender.times.push(await contender.run(contender.dispatches))
}
const rows = contenders.map(({ id, bytes, times }) => {
  times.sort((a, b) => a - b)
  const [median, best] = [times[times.length >> 1]!, times[0]!]
  return { id, bytes, medianMs: median, bestMs: best, gigabytesPerSecond: bytes / median / 1e6 }
})
if (values.json) console.log(JSON.stringify({ adapter: device.info.name, kernels: rows }))
else {
  console.log(device.info.name)
  for (const { id, bytes, medianMs, bestMs, gigabytesPerSecond } of rows) {
    console.log(
      `${id.padEnd(32)} ${medianMs.toFixed(3)} (${bestMs.toFixed(3)}) ms  ` +
        `${(bytes / 2 ** 20).toFixed(2)} MiB  ${gigabytesPerSecond.toFixed(2)} GB/s`
    )
  }
}
