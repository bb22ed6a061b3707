/** Stake arithmetic, exact: two quorums overlap in more than a third of the stake, so in an honest validator. */

/** More than two thirds. */
export const isQuorum = (weight: bigint, total: bigint): boolean => 3n * weight > 2n * total

export const isMoreThanThird = (weight: bigint, total: bigint): boolean => 3n * weight > total
