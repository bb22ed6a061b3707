/**
 * Every kernel against its float64 reference, and every gradient against central differences, on many
 * random shapes; minutes on a software adapter, so apart from the tests.
 *
 *     node packages/tensor/test/campaign.ts [--shapes 200] [--only PART] [--adapter PART] [--seed TEXT]
 */
import { parseArgs } from 'node:util'
import { Prng } from '@gradmesh/core'
import { openDevice } from '../src/index.ts'
import { kernels } from '../src/kernels/index.ts'
import { drawCase } from './support/draw.ts'
import { runCases } from './support/kernel-suite.ts'
import { CHECKS, worstSlope } from './support/slopes.ts'

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
    adapter: { type: 'string', default: '' },
    seed: { type: 'string', default: 'campaign' }
  }
})
const shapes = Number(values.shapes)
const device = await openDevice({ adapter: values.adapter, checked: true })
console.log(`${device.info.name}, ${shapes} shapes each, seed ${values.seed}`)
let failures = 0

const report = (name: string, wrong: readonly string[], from: number): void => {
  failures += wrong.length
  console.log(
    `${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - from) / 1000).toFixed(1)} s)`
  )
  for (const line of wrong.slice(0, 3)) console.log(`     ${line}`)
}

for (const kernel of kernels.filter(({ id }) => id.includes(values.only))) {
  const from = performance.now()
  const drawn = {
    ...kernel,
    *cases(prng: Prng) {
      for (let i = 0; i < shapes; i++) yield drawCase(kernel, prng)
    }
  }
  const wrong: string[] = []
  let [error, share] = [0, 0]
  try {
    for await (const result of runCases(device, drawn, values.seed)) {
      error = Math.max(error, result.error)
      share = Math.max(share, result.share)
      if (result.wrong.length > 0) wrong.push(`${result.name} ${result.wrong.join('; ')}`)
    }
  } catch (error) {
    wrong.push(String(error))
  }
  const { atol, rtol } = kernel.tolerance
  const far = `off by ${error.toExponential(1)} at most, ${(100 * share).toFixed(0)} % of ${atol} + ${rtol} |value|`
  report(`${kernel.id}: ${atol + rtol === 0 && error === 0 ? 'exact' : far}`, wrong, from)
}
for (const name of Object.keys(CHECKS).filter(name =>
  name.toLowerCase().includes(values.only.toLowerCase())
)) {
  const from = performance.now()
  const prng = new Prng(`${values.seed} slopes ${name}`)
  const wrong: string[] = []
  let worst = 0
  for (let i = 0; i < shapes; i++) {
    const slope = await worstSlope(device, name, prng)
    worst = Math.max(worst, slope.worst)
    if (!(slope.worst < 1e-4)) wrong.push(`${slope.problem}: off by ${slope.worst}`)
  }
  report(`slopes of ${name}, worst ${worst.toExponential(1)}`, wrong, from)
}
device.close()
process.exitCode = failures === 0 ? 0 : 1
