/**
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): four words out of
 * a counter and a key, integers only, so any element's number can be had again at any time, on any
 * adapter. WGSL has no high half of a product, so it is put together from 16-bit halves.
 */
const M0 = 0xd2511f53
const M1 = 0xcd9e8d57
const W0 = 0x9e3779b9
const W1 = 0xbb67ae85
const ROUNDS = 10

export const PHILOX_TEXT = `
fn high(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu; let a1 = a >> 16u;
  let b0 = b & 0xffffu; let b1 = b >> 16u;
  let middle = a1 * b0 + ((a0 * b0) >> 16u);
  let low = a0 * b1 + (middle & 0xffffu);
  return a1 * b1 + (middle >> 16u) + (low >> 16u);
}
fn philox(start: vec4u, key: vec2u) -> vec4u {
  var c = start;
  var k = key;
  for (var round = 0u; round < ${ROUNDS}u; round++) {
    c = vec4u(high(${M1}u, c.z) ^ c.y ^ k.x, ${M1}u * c.z, high(${M0}u, c.x) ^ c.w ^ k.y, ${M0}u * c.x);
    k += vec2u(${W0}u, ${W1}u);
  }
  return c;
}`

type Four = readonly [number, number, number, number]

const high = (a: number, b: number): number => Number((BigInt(a) * BigInt(b)) >> 32n)

/** The same four words. */
export const philox = (counter: Four, key: readonly [number, number]): Four => {
  let [x, y, z, w] = counter
  let [k0, k1] = key
  for (let round = 0; round < ROUNDS; round++) {
    const next: Four = [
      (high(M1, z) ^ y ^ k0) >>> 0,
      Math.imul(M1, z) >>> 0,
      (high(M0, x) ^ w ^ k1) >>> 0,
      Math.imul(M0, x) >>> 0
    ]
    ;[x, y, z, w] = next
    k0 = (k0 + W0) >>> 0
    k1 = (k1 + W1) >>> 0
  }
  return [x, y, z, w]
}
