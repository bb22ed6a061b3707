import { assert } from '@gradmesh/core'
import { WEIGHT_TOTAL } from './exact.ts'

/**
 * `total` in parts proportional to `steps`, whole numbers that sum to it exactly: the remainders go to
 * the largest fractions, then in the order given. Zero steps get nothing; all zero, nothing is shared.
 */
export const shareWeights = (steps: readonly number[], total: number = WEIGHT_TOTAL): number[] =>
  shareExact(BigInt(total), steps.map(BigInt)).map(Number)

/** The same for money. */
export const shareExact = (total: bigint, parts: readonly bigint[]): bigint[] => {
  let sum = 0n
  for (const part of parts) {
    assert(part >= 0n, 'a part is not negative')
    sum += part
  }
  if (sum === 0n) return parts.map(() => 0n)
  const shares = parts.map(part => (total * part) / sum)
  let left = total - shares.reduce((all, share) => all + share, 0n)
  const byRemainder = parts
    .map((part, index) => ({ index, remainder: (total * part) % sum }))
    .sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1))
  for (const { index } of byRemainder) {
    if (left === 0n) break
    shares[index]! += 1n
    left -= 1n
  }
  return shares
}
