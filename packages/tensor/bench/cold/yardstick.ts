import type { Kernel } from '../../src/index.ts'

const TILE = 16

const text = (serial: number): string => `
var<workgroup> tileA: array<f32, ${TILE * TILE}>;
var<workgroup> tileB: array<f32, ${TILE * TILE}>;
@compute @workgroup_size(${TILE}, ${TILE})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) me: vec3u) {
  let row = group.y * ${TILE}u + me.y;
  let column = group.x * ${TILE}u + me.x;
  var sum = ${serial}.0;
  for (var first = 0u; first < scalars.size; first += ${TILE}u) {
    tileA[me.y * ${TILE}u + me.x] = a[row * scalars.size + first + me.x];
    tileB[me.y * ${TILE}u + me.x] = b[(first + me.y) * scalars.size + column];
    workgroupBarrier();
${Array.from({ length: TILE }, (_, k) => `    sum += tileA[me.y * ${TILE}u + ${k}u] * tileB[${k * TILE}u + me.x];`).join('\n')}
    workgroupBarrier();
  }
  out[row * scalars.size + column] = sum;
}`

type S = { readonly size: number }
type O = { readonly serial?: number }

/**
 * The textbook's product of square matrices: what a compiler takes for it tells how fast this machine is now. Each
 * `serial` is compiled anew. It is never run.
 */
export const yardstick: Kernel<S, O> = {
  id: 'yardstick/1',
  scalars: { size: 'u32' },
  arrays: ({ size }) => ({
    a: { type: 'f32', access: 'read', length: size * size },
    b: { type: 'f32', access: 'read', length: size * size },
    out: { type: 'f32', access: 'update', length: size * size }
  }),
  variant: (_, { serial = 0 }) => ({ serial }),
  wgsl: (_, { serial = 0 }) => ({ code: text(serial) }),
  grid: ({ size }) => (size / TILE) ** 2,
  reference() {},
  tolerance: { rtol: 0, atol: 0 },
  *cases() {}
}
