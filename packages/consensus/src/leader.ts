/**
 * Who leads a slot: a lottery in proportion to stake that needs no history, so a peer that knows the
 * seed and the set knows every leader. A priority accumulator would remember, and drift.
 */
import { assert, compareBytes, MeshError, once, sha256, u64, u64At } from '@gradmesh/core'
import type { ConsensusConfig, Validator } from './types.ts'

const RANGE = 1n << 64n

type Lottery = Pick<ConsensusConfig, 'validators' | 'leaderSeed'>

/**
 * The index of the slot's leader. `u64(H(seed ‖ slot))`, drawn again from `H(previous digest)` while it lies
 * in the incomplete last multiple of the total stake W, modulo W, falls into the cumulative stakes in key order.
 * W must be in 1..2^64.
 */
export const leaderOf = ({ validators, leaderSeed }: Lottery, slot: number): number => {
  const total = validators.reduce((sum, { stake }) => sum + stake, 0n)
  assert(total > 0n && total <= RANGE, 'total stake is in 1..2^64')
  const limit = RANGE - (RANGE % total)
  let digest = sha256(leaderSeed, u64(slot))
  while (firstU64(digest) >= limit) digest = sha256(digest)
  let ticket = firstU64(digest) % total
  for (const index of keyOrder(validators)) {
    ticket -= validators[index]!.stake
    if (ticket < 0n) return index
  }
  throw new MeshError('INVARIANT', 'broken invariant: a ticket below the total stake has no owner')
}

const firstU64 = (digest: Uint8Array): bigint => u64At(digest, 0)

const keyOrder = once((validators: readonly Validator[]): readonly number[] =>
  validators.map((_, i) => i).sort((a, b) => compareBytes(validators[a]!.key, validators[b]!.key))
)
