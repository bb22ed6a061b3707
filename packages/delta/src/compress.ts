/**
 * Error feedback (Seide et al. 2014): what a delta does not carry is not lost but waits, decaying, in
 * the error buffer. EF, the pseudo-gradient and the sent values share the unit 2^-32, in int32,
 * saturating. The buffer is debited only when the ledger has accepted the delta.
 */
import { assert } from '@gradmesh/core'
import { bestScale, saturate32 } from './exact.ts'
import { keptOf, paddedLength } from './layout.ts'
import { nearestScale } from './scale.ts'
import type { Delta, Layout } from './types.ts'

/** 243/256: a little less than 0.95. */
export const ERROR_DECAY_Q8 = 243

/**
 * E = floor(decay * EF / 256) + pseudo, and the delta that says most about it: per chunk the `keep`
 * entries of greatest magnitude (ties: the lower index), each as -3, -1, 1 or 3 times one scale.
 * Both arrays are padded; neither is changed.
 */
export const compress = (
  layout: Layout,
  pseudo: Int32Array,
  error: Int32Array,
  decayQ8: number = ERROR_DECAY_Q8
): { delta: Delta; accumulated: Int32Array } => {
  assert(pseudo.length === paddedLength(layout) && error.length === pseudo.length, 'arrays have the layout')
  assert(Number.isInteger(decayQ8) && decayQ8 >= 0 && decayQ8 <= 256, 'the decay is an integer in 0..256')
  const accumulated = new Int32Array(pseudo.length)
  for (let j = 0; j < pseudo.length; j++) {
    const e = error[j]!
    // floor(decay * e / 256), split so that it stays inside 32 bits.
    const decayed = (e >> 8) * decayQ8 + (((e & 255) * decayQ8) >> 8)
    accumulated[j] = saturate32(decayed + pseudo[j]!)
  }
  return { delta: quantise(layout, accumulated), accumulated }
}

/** E minus what the delta said: the error buffer of the next round, once the delta is accepted. */
export const debit = (accumulated: Int32Array, delta: Delta, layout: Layout): Int32Array => {
  const left = new Int32Array(accumulated)
  for (let c = 0; c < layout.chunks; c++) {
    for (let at = delta.starts[c]!; at < delta.starts[c + 1]!; at++) {
      const j = c * layout.chunk + delta.indices[at]!
      left[j] = saturate32(left[j]! - delta.codes[at]! * delta.scales[c]!)
    }
  }
  return left
}

const quantise = (layout: Layout, values: Int32Array): Delta => {
  const entriesMax = layout.chunks * layout.keep
  const starts = new Uint32Array(layout.chunks + 1)
  const scales = new Uint32Array(layout.chunks)
  const indices = new Uint16Array(entriesMax)
  const codes = new Int8Array(entriesMax)
  const magnitudes = new Uint32Array(layout.chunk)
  let at = 0
  for (let c = 0; c < layout.chunks; c++) {
    const base = c * layout.chunk
    const real = layout.realLengths[c]!
    for (let i = 0; i < real; i++) magnitudes[i] = Math.abs(values[base + i]!)
    const kept = keptOf(layout, c)
    const chosen = indices.subarray(at, at + kept)
    selectLargest(magnitudes.subarray(0, real), chosen)
    const scale = nearestScale(
      bestScale(
        Uint32Array.from(chosen, i => magnitudes[i]!)
          .sort()
          .reverse()
      )
    )
    scales[c] = scale
    if (scale !== 0) {
      for (const i of chosen) {
        const code = magnitudes[i]! >= 2 * scale ? 3 : 1
        codes[at++] = values[base + i]! < 0 ? -code : code
      }
    }
    starts[c + 1] = at
  }
  return { starts, scales, indices: indices.slice(0, at), codes: codes.slice(0, at) }
}

/**
 * Fills `chosen` with the indices of the largest magnitudes, rising. The smallest of them is found
 * byte by byte from the top (radix selection): four passes whatever the values are.
 */
const selectLargest = (magnitudes: Uint32Array, chosen: Uint16Array): void => {
  const counts = new Uint32Array(256)
  let threshold = 0
  let wanted = chosen.length
  for (let shift = 24; shift >= 0; shift -= 8) {
    counts.fill(0)
    const prefix = shift === 24 ? 0 : threshold >>> (shift + 8)
    for (const value of magnitudes) {
      // A shift by 32 is one by 0 in JavaScript, so the first pass takes all by itself.
      if (shift === 24 || value >>> (shift + 8) === prefix) counts[(value >>> shift) & 255]!++
    }
    let digit = 255
    while (counts[digit]! < wanted) wanted -= counts[digit--]!
    threshold = (threshold | (digit << shift)) >>> 0
  }
  let found = 0
  for (let i = 0; i < magnitudes.length && found < chosen.length; i++) {
    if (magnitudes[i]! > threshold || (magnitudes[i]! === threshold && wanted-- > 0)) chosen[found++] = i
  }
}
