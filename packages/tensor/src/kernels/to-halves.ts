import { ceilDiv, type Kernel } from '../kernel.ts'
import { halfBits } from '../matmul/half.ts'

type S = { readonly count: number }

const LANES = 64

/** out[i] ← x[2i] and x[2i + 1] as f16, the lower half first: what the product's option `half` reads as b. */
export const toHalves: Kernel<S> = {
  id: 'to-halves/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    // Values that f16 has: WGSL leaves open which way others round.
    x: { type: 'f32', access: 'read', length: count, fill: prng => prng.below(2 ** 12) / 2 ** 11 - 1 },
    out: { type: 'u32', access: 'update', length: ceilDiv(count, 2) }
  }),
  variant: () => ({}),
  wgsl: () => ({
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  if (2u * i >= scalars.count) { return; }
  let next = select(0.0, x[2u * i + 1u], 2u * i + 1u < scalars.count);
  out[i] = pack2x16float(vec2f(x[2u * i], next));
}`
  }),
  grid: ({ count }) => ceilDiv(count, 2 * LANES),
  reference({ x, out }, { count }) {
    for (let i = 0; 2 * i < count; i++) {
      const next = 2 * i + 1 < count ? halfBits(x![2 * i + 1]!) : 0
      out![i] = (halfBits(x![2 * i]!) | (next << 16)) >>> 0
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 2, 4, 257, 1021, 70_001]) yield { scalars: { count } }
  }
}
