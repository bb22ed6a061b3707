import type { Kernel, Machine } from '../kernel.ts'
import { BEST_SCALE, scaleOf } from './best-scale.ts'
import { anyInt32, type Chunks, INT32_MIN } from './compress-rule.ts'

type Form = { readonly lanes: number; readonly memory: boolean }
const KEEP_MAX = 64

const formOf = ({ subgroupSize }: Machine): Form => {
  const usable = subgroupSize >= 4 && subgroupSize <= 64
  return { lanes: usable ? subgroupSize : 64, memory: !usable }
}

/** `total(v)`: the sum (or the union of bits) over the lanes, in all of them. */
const totalText = ({ lanes, memory }: Form): string => {
  if (memory) {
    return `var<workgroup> counts: array<vec4u, ${lanes}>;
fn total(value: vec4u, lane: u32) -> vec4u {
  counts[lane] = value;
  workgroupBarrier();
  var sum = vec4u();
  for (var i = 0u; i < ${lanes}u; i++) { let other = counts[i]; sum = vec4u(sum.xyz + other.xyz, sum.w | other.w); }
  workgroupBarrier();
  return sum;
}`
  }
  const steps: string[] = []
  for (let step = lanes / 2; step >= 1; step /= 2) {
    steps.push(
      `{ let other = subgroupShuffleXor(sum, ${step}u); sum = vec4u(sum.xyz + other.xyz, sum.w | other.w); }`
    )
  }
  return `fn total(value: vec4u, lane: u32) -> vec4u {
  var sum = value;
  ${steps.join('\n  ')}
  return sum;
}`
}

/**
 * For each chunk of `values` i32 (chunks, chunk) the `keep` entries of greatest magnitude among its first
 * `realLengths[c]` (of equal ones the lower index): scales (chunks), and entries (chunks, keep), rising:
 * index + 65,536 · (0..3 for −3, −1, 1, 3 times the scale). A scale of 0: the chunk says nothing. Entries past
 * min(keep, realLengths[c]) are left as they are. keep <= 64; chunk is a multiple of 4, at most 65,532.
 *
 * The smallest magnitude kept is found two bits at a time from the top, counting what is at least that.
 */
export const selectTop: Kernel<Chunks, object, Form> = {
  id: 'select-top/1',
  scalars: { chunks: 'u32', chunk: 'u32', keep: 'u32' },
  arrays: ({ chunks, chunk, keep }) => ({
    values: {
      type: 'i32',
      access: 'read',
      length: chunks * chunk,
      fill: (prng, i) => {
        const style = Math.floor(i / chunk) % 4
        return style === 0
          ? anyInt32(prng)
          : style === 1
            ? prng.below(7) - 3
            : style === 2
              ? ((prng.below(2001) - 1000) ** 3) | 0
              : i % 5 === 0
                ? INT32_MIN
                : 0
      }
    },
    realLengths: {
      type: 'u32',
      access: 'read',
      length: chunks,
      fill: (prng, i) => (i % 3 === 2 ? 1 + prng.below(chunk) : chunk)
    },
    scales: { type: 'u32', access: 'update', length: chunks },
    entries: { type: 'u32', access: 'update', length: chunks * keep, fill: () => 0 }
  }),
  variant: (_, __, machine) => formOf(machine),
  wgsl: form => ({
    wide: ['values'],
    enable: form.memory ? [] : ['subgroups'],
    code: `
var<workgroup> before: array<vec2u, ${form.lanes}>;
var<workgroup> chosen: array<u32, ${KEEP_MAX}>;
var<workgroup> magnitude: array<u32, ${KEEP_MAX}>;
var<workgroup> sorted: array<u32, ${KEEP_MAX}>;
${totalText(form)}
${BEST_SCALE}
fn magnitudes(at: u32, first: u32, real: u32) -> vec4u {
  return select(vec4u(), vec4u(abs(values[at])), vec4u(first) + vec4u(0u, 1u, 2u, 3u) < vec4u(real));
}
fn count(v: vec4u, least: u32) -> u32 {
  let ones = select(vec4u(), vec4u(1u), v >= vec4u(least));
  return (ones.x + ones.y) + (ones.z + ones.w);
}
@compute @workgroup_size(${form.lanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  ${form.memory ? '@builtin(local_invocation_index)' : '@builtin(subgroup_invocation_id)'} lane: u32
) {
  let c = group.x + group.y * groups.x;
  if (c >= scalars.chunks) { return; }
  let quads = scalars.chunk / 4u;
  let start = c * quads;
  let real = min(realLengths[c], scalars.chunk);
  let kept = min(scalars.keep, real);
  var either = vec4u();
  for (var i = lane; i < quads; i += ${form.lanes}u) { either |= magnitudes(start + i, 4u * i, real); }
  let bits = total(vec4u(0u, 0u, 0u, either.x | either.y | either.z | either.w), lane).w;
  var threshold = 0u;
  for (var shift = 32u; shift > 0u; shift -= 2u) {
    let one = 1u << (shift - 2u);
    // Nothing is found above the highest bit; the turns stay the same for all, as sums across lanes must.
    let end = select(0u, quads, bits >= one);
    var found = vec3u();
    for (var i = lane; i < end; i += ${form.lanes}u) {
      let v = magnitudes(start + i, 4u * i, real);
      found += vec3u(count(v, threshold + one), count(v, threshold + 2u * one), count(v, threshold + 3u * one));
    }
    let sums = total(vec4u(found, 0u), lane);
    threshold += one * (select(0u, 1u, sums.x >= kept) + select(0u, 1u, sums.y >= kept) + select(0u, 1u, sums.z >= kept));
  }
  // Each lane a stretch of its own, in order: what lies before it tells where its entries go.
  let stretch = (quads + ${form.lanes - 1}u) / ${form.lanes}u;
  let first_ = min(lane * stretch, quads);
  let to = min(first_ + stretch, quads);
  var above = vec2u();
  for (var i = first_; i < to; i++) {
    let v = magnitudes(start + i, 4u * i, real);
    let first = vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u);
    let same = select(vec4u(), vec4u(1u), (v == vec4u(threshold)) & (first < vec4u(real)));
    let more = select(vec4u(), vec4u(1u), v > vec4u(threshold));
    above += vec2u((more.x + more.y) + (more.z + more.w), (same.x + same.y) + (same.z + same.w));
  }
  before[lane] = above;
  workgroupBarrier();
  var mine = vec2u();
  var greater = 0u;
  for (var i = 0u; i < ${form.lanes}u; i++) {
    mine += select(vec2u(), before[i], i < lane);
    greater += before[i].x;
  }
  let equals = kept - greater;
  for (var i = first_; i < to; i++) {
    let v = magnitudes(start + i, 4u * i, real);
    if (all(v < vec4u(threshold))) { continue; }
    for (var j = 0u; j < 4u; j++) {
      if (4u * i + j >= real || v[j] < threshold) { continue; }
      let equal = v[j] == threshold;
      if (!equal || mine.y < equals) {
        let place = mine.x + min(mine.y, equals);
        chosen[place] = 4u * i + j;
        magnitude[place] = v[j];
      }
      mine += select(vec2u(1u, 0u), vec2u(0u, 1u), equal);
    }
  }
  workgroupBarrier();
  for (var i = lane; i < kept; i += ${form.lanes}u) {
    var rank = 0u;
    for (var j = 0u; j < kept; j++) {
      rank += select(0u, 1u, magnitude[j] > magnitude[i] || (magnitude[j] == magnitude[i] && j < i));
    }
    sorted[rank] = magnitude[i];
  }
  workgroupBarrier();
  let scale = nearestScale(bestScale(kept));
  if (lane == 0u) { scales[c] = scale; }
  for (var i = lane; i < kept; i += ${form.lanes}u) {
    let at = chosen[i];
    let far = magnitude[i] >= 2u * scale;
    let negative = values[start + at / 4u][at % 4u] < 0;
    let code = select(select(2u, 3u, far), select(1u, 0u, far), negative);
    entries[c * scalars.keep + i] = at | (code << 16u);
  }
}`
  }),
  grid: ({ chunks }) => chunks,
  reference({ values, realLengths, scales, entries }, { chunks, chunk, keep }) {
    for (let c = 0; c < chunks; c++) {
      const own = values!.subarray(c * chunk, c * chunk + realLengths![c]!)
      const order = Array.from(own, (_, i) => i).sort(
        (a, b) => Math.abs(own[b]!) - Math.abs(own[a]!) || a - b
      )
      const chosen = order.slice(0, keep)
      const scale = scaleOf(chosen.map(i => Math.abs(own[i]!)))
      scales![c] = scale
      chosen
        .sort((a, b) => a - b)
        .forEach((i, at) => {
          const far = Math.abs(own[i]!) >= 2 * scale
          entries![c * keep + at] = i + 65_536 * (own[i]! < 0 ? (far ? 0 : 1) : far ? 3 : 2)
        })
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    yield { scalars: { chunks: 9, chunk: 4096, keep: 64 } }
    yield { scalars: { chunks: 7, chunk: 256, keep: 5 } }
    yield { scalars: { chunks: 5, chunk: 20, keep: 64 } }
  }
}

/** What `selectTop` gave, in the form that the codec encodes: per chunk none or min(keep, real) entries. */
export const unpackEntries = (
  { chunks, keep }: Chunks,
  realLengths: ArrayLike<number>,
  scales: Uint32Array,
  entries: Uint32Array
): { starts: Uint32Array; scales: Uint32Array; indices: Uint16Array; codes: Int8Array } => {
  const starts = new Uint32Array(chunks + 1)
  for (let c = 0; c < chunks; c++) {
    starts[c + 1] = starts[c]! + (scales[c] === 0 ? 0 : Math.min(keep, realLengths[c]!))
  }
  const indices = new Uint16Array(starts[chunks]!)
  const codes = new Int8Array(starts[chunks]!)
  for (let c = 0; c < chunks; c++) {
    for (let at = starts[c]!; at < starts[c + 1]!; at++) {
      const entry = entries[c * keep + at - starts[c]!]!
      indices[at] = entry & 0xffff
      codes[at] = 2 * (entry >>> 16) - 3
    }
  }
  return { starts, scales, indices, codes }
}
