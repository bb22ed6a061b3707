/**
 * Empty blocks that followed an epoch's boundary until it was final. They can have FINAL certificates of their own, and
 * yet no place in the chain: whoever took one would stand beside everybody else for good.
 */
import { epochOf } from '@gradmesh/ledger'
import type { BlockHeader, EpochRules } from '@gradmesh/wire'

/** The open round of such a block is of the next epoch. */
export const hasVanished = (
  rules: EpochRules,
  { epoch, round }: Pick<BlockHeader, 'epoch' | 'round'>
): boolean => epochOf(rules, round) !== epoch
