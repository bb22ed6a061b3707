import { ceilDiv, type Kernel } from '../kernel.ts'
import { SCALE_MAX } from './best-scale.ts'
import { anyInt32, type Chunks, SATURATED, saturate } from './compress-rule.ts'

const LANES = 64

/** error (chunks, chunk) −= code · scale at every entry of `selectTop`, saturating: what the delta said is paid. */
export const debitError: Kernel<Chunks> = {
  id: 'debit-error/1',
  scalars: { chunks: 'u32', chunk: 'u32', keep: 'u32' },
  arrays: ({ chunks, chunk, keep }) => ({
    scales: {
      type: 'u32',
      access: 'read',
      length: chunks,
      fill: (prng, i) => (i === 0 ? 0 : prng.below(SCALE_MAX))
    },
    entries: {
      type: 'u32',
      access: 'read',
      length: chunks * keep,
      fill: (prng, i) => (i % keep) + 65_536 * prng.below(4)
    },
    realLengths: {
      type: 'u32',
      access: 'read',
      length: chunks,
      fill: (prng, i) => (i % 3 === 2 ? 1 + prng.below(chunk) : chunk)
    },
    error: { type: 'i32', access: 'update', length: chunks * chunk, fill: anyInt32 }
  }),
  variant: () => ({}),
  wgsl: () => ({
    code: `${SATURATED}
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  let c = i / scalars.keep;
  if (c >= scalars.chunks) { return; }
  let entry = entries[i];
  let at = entry & 0xffffu;
  if (i % scalars.keep >= min(scalars.keep, realLengths[c]) || at >= scalars.chunk) { return; }
  let said = (2 * i32(entry >> 16u) - 3) * i32(scales[c]);
  error[c * scalars.chunk + at] = addSaturated(vec4i(error[c * scalars.chunk + at]), vec4i(-said)).x;
}`
  }),
  grid: ({ chunks, keep }) => ceilDiv(chunks * keep, LANES),
  reference({ scales, entries, realLengths, error }, { chunks, chunk, keep }) {
    for (let c = 0; c < chunks; c++) {
      for (let i = 0; i < Math.min(keep, realLengths![c]!); i++) {
        const entry = entries![c * keep + i]!
        const at = c * chunk + (entry % 65_536)
        error![at] = saturate(error![at]! - (2 * Math.floor(entry / 65_536) - 3) * scales![c]!)
      }
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    yield { scalars: { chunks: 9, chunk: 4096, keep: 64 } }
    yield { scalars: { chunks: 4, chunk: 20, keep: 3 } }
  }
}
