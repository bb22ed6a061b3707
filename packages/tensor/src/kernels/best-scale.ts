/**
 * The scale of a chunk, for codes of ±1 and ±3 times it: of all splits in which the greatest k magnitudes take 3 the one
 * that leaves the least squared error, then the nearest scale that the wire has. Exact, in 64-bit integers: the codec's
 * `bestScale` argues it.
 */

export const SCALE_MAX = 2047 * 2 ** 18
/** Bits of a magnitude that splits are compared on: 64 of them squared, times 576, stay below 2^53. */
const COARSE_BITS = 14

/** `nearestScale(bestScale(n))` of the array `sorted`, which falls. 64-bit integers are (low, high). */
export const BEST_SCALE = `
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

/** The same for magnitudes that fall. */
export const scaleOf = (magnitudes: readonly number[]): number => {
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
