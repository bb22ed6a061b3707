/** Backward kernels against central differences; `campaign.ts` does the same on many more shapes. */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import { onEachAdapter } from './support/devices.ts'
import { CHECKS, worstSlope } from './support/slopes.ts'

const SHAPES = 3

onEachAdapter(t, async (t, device) => {
  for (const name of Object.keys(CHECKS)) {
    const prng = new Prng(`slopes ${name}`)
    for (let i = 0; i < SHAPES; i++) {
      const { worst, problem } = await worstSlope(device, name, prng)
      t.ok(worst < 1e-4, `${name} ${problem}: off by ${worst}`)
    }
  }
})
