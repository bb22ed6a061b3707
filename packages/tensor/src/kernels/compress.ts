/**
 * A delta without leaving the GPU: `quantise` the pseudo-gradient, `accumulateError`, `selectTop`, and once
 * the delta is accepted `debitError`. Integers throughout, the same bits as the codec's `compress` and
 * `debit` (a test of the training package holds them equal).
 */
import type { Kernel } from '../kernel.ts'
import { ceilDiv, type Machine } from '../kernel.ts'
import { eachElement, eachVec4 } from './elementwise.ts'

const INT32_MAX = 2 ** 31 - 1
const INT32_MIN = -(2 ** 31)
const saturate = (value: number): number => Math.min(INT32_MAX, Math.max(INT32_MIN, value))
const anyInt32 = (prng: { u32(): number }): number => prng.u32() | 0

const SATURATED = `
fn addSaturated(a: vec4i, b: vec4i) -> vec4i {
  let sum = a + b;
  let end = select(vec4i(0x7fffffff), vec4i(-0x7fffffff - 1), a < vec4i());
  return select(sum, end, ((a ^ sum) & (b ^ sum)) < vec4i());
}`

const quantiseForm = eachElement(`let bits = bitcast<u32>(x[i]);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    atomicAdd(&notFinite[0], 1u);
    out[i] = 0;
    return;
  }
  let scaled = abs(x[i]) * 4294967296.0;
  let whole = floor(scaled);
  let nearest = whole + select(0.0, 1.0, scaled - whole >= 0.5);
  let sign = select(1, -1, x[i] < 0.0);
  if (nearest >= 2147483648.0) {
    out[i] = select(0x7fffffff, -0x7fffffff - 1, sign < 0);
  } else {
    out[i] = sign * i32(nearest);
  }`)

/**
 * out[i] i32 ← x[i] in units of 2^-32, nearest, halves away from zero, saturating; NaN and infinities
 * are 0 and add to notFinite[0].
 */
export const quantiseI32: Kernel<{ readonly count: number }> = {
  id: 'quantise-i32/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    x: {
      type: 'f32',
      access: 'read',
      length: count,
      fill: (prng, i) =>
        i % 97 === 5
          ? [NaN, Infinity, -1, 0.5, -0.5][prng.below(5)]!
          : (prng.below(2 ** 24) - 2 ** 23) * 2 ** -prng.below(60)
    },
    out: { type: 'i32', access: 'update', length: count },
    notFinite: { type: 'u32', access: 'update', length: 1, fill: () => 3 }
  }),
  ...quantiseForm,
  wgsl: () => ({ ...quantiseForm.wgsl(), atomic: ['notFinite'] }),
  reference({ x, out, notFinite }, { count }) {
    for (let i = 0; i < count; i++) {
      const scaled = x![i]! * 2 ** 32
      if (!Number.isFinite(scaled)) notFinite![0]!++
      out![i] = Number.isFinite(scaled) ? saturate(Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5)) : 0
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 7, 5003]) yield { scalars: { count } }
  }
}

const accumulateForm = eachVec4(
  ['error', 'pseudo'],
  `let e = error[i];
  let rate = i32(scalars.decayQ8);
  error[i] = addSaturated((e >> vec4u(8u)) * rate + (((e & vec4i(255)) * rate) >> vec4u(8u)), pseudo[i]);`
)

/** error[i] ← floor(decayQ8 · error[i] / 256) + pseudo[i], saturating; decayQ8 is in 0..256. */
export const accumulateError: Kernel<{ readonly count: number; readonly decayQ8: number }> = {
  id: 'accumulate-error/1',
  scalars: { count: 'u32', decayQ8: 'u32' },
  arrays: ({ count }) => ({
    pseudo: { type: 'i32', access: 'read', length: count, fill: anyInt32 },
    error: { type: 'i32', access: 'update', length: count, fill: anyInt32 }
  }),
  ...accumulateForm,
  wgsl() {
    const { code, ...rest } = accumulateForm.wgsl()
    return { ...rest, code: SATURATED + code }
  },
  reference({ pseudo, error }, { count, decayQ8 }) {
    for (let i = 0; i < count; i++)
      error![i] = saturate(Math.floor((decayQ8 * error![i]!) / 256) + pseudo![i]!)
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 7, 5003]) {
      for (const decayQ8 of [0, 243, 256]) yield { scalars: { count, decayQ8 } }
    }
  }
}

type Chunks = { readonly chunks: number; readonly chunk: number; readonly keep: number }
type Form = { readonly lanes: number; readonly memory: boolean }
const KEEP_MAX = 64
const SCALE_MAX = 2047 * 2 ** 18
/** Bits of a magnitude that splits are compared on: 64 of them squared, times 576, stay below 2^53. */
const COARSE_BITS = 14

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

/** 64-bit integers as (low, high). */
const WIDE_INTEGERS = `
fn product(a: u32, b: u32) -> vec2u {
  let a0 = a & 0xffffu; let a1 = a >> 16u;
  let b0 = b & 0xffffu; let b1 = b >> 16u;
  let middle = a1 * b0 + ((a0 * b0) >> 16u);
  let low = a0 * b1 + (middle & 0xffffu);
  return vec2u(a * b, a1 * b1 + (middle >> 16u) + (low >> 16u));
}
fn plus(a: vec2u, b: u32) -> vec2u {
  let low = a.x + b;
  return vec2u(low, a.y + select(0u, 1u, low < b));
}
fn times(a: vec2u, b: u32) -> vec2u {
  let low = product(a.x, b);
  return vec2u(low.x, low.y + a.y * b);
}
// The quotient fits 32 bits, b 15.
fn quotient(a: vec2u, b: u32) -> u32 {
  let top = a.y % b;
  let high = (top << 16u) | (a.x >> 16u);
  let low = ((high % b) << 16u) | (a.x & 0xffffu);
  return ((high / b) << 16u) + low / b;
}
fn atLeast(a: vec2u, b: vec2u) -> bool { return a.y > b.y || (a.y == b.y && a.x >= b.x); }
fn nearestScale(value: u32) -> u32 {
  if (value >= ${SCALE_MAX}u) { return ${SCALE_MAX}u; }
  let exponent = u32(max(0, 21 - i32(countLeadingZeros(value))));
  let half = (1u << exponent) >> 1u;
  return ((value + half) >> exponent) << exponent;
}
fn bestScale(n: u32) -> u32 {
  let shift = u32(max(0, ${32 - COARSE_BITS} - i32(countLeadingZeros(sorted[0]))));
  var sum = vec2u();
  var coarse = 0u;
  for (var i = 0u; i < n; i++) {
    sum = plus(sum, sorted[i]);
    coarse += sorted[i] >> shift;
  }
  var best = ${SCALE_MAX}u;
  var bestCoarse = 0u;
  var bestDivisor = 1u;
  for (var k = 0u; k <= n; k++) {
    if (k > 0u) {
      let v = sorted[k - 1u];
      sum = plus(plus(sum, v), v);
      coarse += 2u * (v >> shift);
    }
    let divisor = 8u * k + n;
    let scale = quotient(plus(times(sum, 2u), divisor), 2u * divisor);
    let better = atLeast(times(product(coarse, coarse), bestDivisor), times(product(bestCoarse, bestCoarse), divisor));
    if (scale <= ${SCALE_MAX}u && better) {
      best = scale;
      bestCoarse = coarse;
      bestDivisor = divisor;
    }
  }
  return best;
}`

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
${WIDE_INTEGERS}
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

/** The best scale for magnitudes that fall (see the codec's `bestScale`), then the nearest that the wire has. */
const scaleOf = (magnitudes: readonly number[]): number => {
  const n = magnitudes.length
  const shift = Math.max(0, 32 - Math.clz32(magnitudes[0]!) - COARSE_BITS)
  let [best, bestCoarse, bestDivisor] = [SCALE_MAX, 0, 1]
  for (let k = 0; k <= n; k++) {
    const weigh = (of: (v: number) => number) =>
      magnitudes.reduce((sum, v, i) => sum + (i < k ? 3 : 1) * of(v), 0)
    const coarse = weigh(v => v >>> shift)
    const divisor = 8 * k + n
    const scale = Math.floor((2 * weigh(v => v) + divisor) / (2 * divisor))
    if (scale <= SCALE_MAX && coarse * coarse * bestDivisor >= bestCoarse * bestCoarse * divisor) {
      ;[best, bestCoarse, bestDivisor] = [scale, coarse, divisor]
    }
  }
  if (best >= SCALE_MAX) return SCALE_MAX
  const exponent = Math.max(0, 21 - Math.clz32(best))
  const unit = 2 ** exponent
  return Math.floor((best + (exponent === 0 ? 0 : unit / 2)) / unit) * unit
}

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
