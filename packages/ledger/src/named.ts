/** Which deltas a block must name: the leader has no say in it. */
import { compareBytes, sha256, u32 } from '@gradmesh/core'
import { type Attest, BOUNDS, bitmapHas, type Digest, isMoreThanThird, type List } from '@gradmesh/wire'
import { stakeOf } from './sets.ts'
import type { ValidatorSet } from './types.ts'

/**
 * The trainers whose deltas more than a third of all stake attests here, ascending. Where those are more
 * than a block may name, a draw from the genesis seed and the round decides, which nobody can steer.
 */
export const namedTrainers = (
  set: ValidatorSet,
  seed: Digest,
  trainerCount: number,
  round: number,
  attests: List<Attest>
): number[] => {
  const total = stakeOf(set)
  const held = attests.map(({ bitmap, validator }) => ({ bitmap, stake: set.seats[validator]!.stake }))
  const named: number[] = []
  for (let trainer = 0; trainer < trainerCount; trainer++) {
    let weight = 0n
    for (const { bitmap, stake } of held) if (bitmapHas(bitmap, trainer)) weight += stake
    if (isMoreThanThird(weight, total)) named.push(trainer)
  }
  if (named.length <= BOUNDS.deltasPerBlockMax) return named
  return named
    .map(trainer => ({ trainer, lot: sha256(seed, u32(round), u32(trainer)) }))
    .sort((a, b) => compareBytes(a.lot, b.lot))
    .slice(0, BOUNDS.deltasPerBlockMax)
    .map(({ trainer }) => trainer)
    .sort((a, b) => a - b)
}
