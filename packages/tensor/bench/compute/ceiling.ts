/** What the adapter's arithmetic can reach at most: a loop of + and × over registers that loads nothing. */
import type { Device, Kernel } from '../../src/index.ts'

const GROUPS = 64
const LANES = 64
const CHAINS = 12
const TURNS = 256
/** So that the loop itself does not count. */
const UNROLLED = 16
const ROUNDS = 60

const CHAIN_NUMBERS = Array.from({ length: CHAINS }, (_, i) => i)

const loop: Kernel<{ readonly turns: number; readonly factor: number }> = {
  id: 'bench-ceiling/1',
  scalars: { turns: 'u32', factor: 'f32' },
  arrays: () => ({ out: { type: 'f32', access: 'update', length: GROUPS * LANES } }),
  variant: () => ({}),
  wgsl: () => ({
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let factor = scalars.factor;
  ${CHAIN_NUMBERS.map(i => `var s${i} = f32(id.x + ${i}u);`).join(' ')}
  for (var turn = 0u; turn < scalars.turns; turn++) {
    ${`${CHAIN_NUMBERS.map(i => `s${i} = s${i} * factor + factor;`).join(' ')}\n    `.repeat(UNROLLED)}
  }
  out[id.x] = ${CHAIN_NUMBERS.map(i => `s${i}`).join(' + ')};
}`
  }),
  grid: () => GROUPS,
  reference({ out }, { turns, factor }) {
    for (let i = 0; i < out!.length; i++) {
      out![i] = CHAIN_NUMBERS.reduce((total, chain) => {
        let s = i + chain
        for (let turn = 0; turn < turns * UNROLLED; turn++) s = s * factor + factor
        return total + s
      }, 0)
    }
  },
  tolerance: { rtol: 1e-4, atol: 0 },
  *cases() {
    yield { scalars: { turns: 3, factor: 0.5 } }
  }
}

/** The best of some rounds, in GFLOP/s. Closes the device. */
export const ceilingOf = async (device: Device): Promise<number> => {
  const out = device.tensor('f32', GROUPS * LANES)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const from = performance.now()
    device.submit(step => step.run(loop, { out }, { turns: TURNS, factor: 0.999 }))
    await device.idle()
    best = Math.min(best, performance.now() - from)
  }
  device.close()
  return (2 * GROUPS * LANES * CHAINS * TURNS * UNROLLED) / best / 1e6
}
