/** Weights: who voted, and whether that is more than two thirds of all stake. */
import { bitmapIndices, type Certificate, isBitmapOver, isQuorum } from '@gradmesh/wire'
import type { Validator } from './types.ts'

export const totalStake = (validators: readonly Validator[]): bigint =>
  validators.reduce((sum, { stake }) => sum + stake, 0n)

/** Whether these validators, each named once, hold more than two thirds of the stake. */
export const areQuorum = (
  voters: readonly number[],
  validators: readonly Validator[],
  total: bigint
): boolean => {
  const weight = voters.reduce((sum, index) => sum + validators[index]!.stake, 0n)
  return isQuorum(weight, total)
}

/** The voters behind a certificate, or undefined when it is malformed or short of a quorum. */
export const signers = (
  { bitmap, signatures }: Certificate,
  validators: readonly Validator[],
  total: bigint
): readonly number[] | undefined => {
  if (!isBitmapOver(bitmap, validators.length)) return undefined
  const voters = bitmapIndices(bitmap)
  return voters.length === signatures.length && areQuorum(voters, validators, total) ? voters : undefined
}
