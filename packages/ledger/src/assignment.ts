/**
 * Who trains on which samples. All rounds together walk along one endless sequence of positions, and
 * the ledger's cursor says how far. Each pass over the N samples (an epoch of the data, position / N) is a
 * permutation of its own, so within a pass no two trainers ever get the same sample, and anybody can
 * recompute any single row without the others.
 *
 * The permutation is a balanced Feistel network over the smallest even number of bits that holds N,
 * walked again while it lands outside (Black and Rogaway 2002): at most 4 tries on average. It shuffles;
 * it keeps no secrets.
 */
import { assert, sha256, u32, u32At, u64, utf8 } from '@gradmesh/core'

const DOMAIN = utf8('mesh/v1/assignment')
const ROUNDS = 6

export interface Assignment {
  readonly seed: Uint8Array
  /** `accounts.cursor` of the state that the round starts from. */
  readonly cursor: bigint
  readonly trainerIndex: number
  readonly trainerCount: number
  readonly innerSteps: number
  readonly batch: number
  /** N, in 1..2^31. */
  readonly samples: number
}

/** The rows of one trainer in one round, innerSteps * batch of them, in the order of training. */
export const assignRows = (assignment: Assignment): Uint32Array => {
  const { seed, cursor, trainerIndex, trainerCount, innerSteps, batch, samples } = assignment
  assert(trainerIndex >= 0 && trainerIndex < trainerCount, 'the trainer is in the registry')
  assert(Number.isInteger(samples) && samples >= 1 && samples <= 2 ** 31, 'samples are in 1..2^31')
  const count = innerSteps * batch
  const first = cursor + BigInt(trainerIndex) * BigInt(count)
  let epoch = first / BigInt(samples)
  let position = Number(first % BigInt(samples))
  let permute = permutation(seed, epoch, samples)
  const rows = new Uint32Array(count)
  for (let j = 0; j < count; j++, position++) {
    if (position === samples) {
      position = 0
      epoch += 1n
      permute = permutation(seed, epoch, samples)
    }
    rows[j] = permute(position)
  }
  return rows
}

/** A permutation of 0..samples-1 that depends on seed, epoch and samples alone. */
export const permutation = (seed: Uint8Array, epoch: bigint, samples: number): ((x: number) => number) => {
  const digest = sha256(DOMAIN, seed, u64(epoch), u32(samples))
  const keys = Uint32Array.from({ length: ROUNDS }, (_, i) => u32At(digest, 4 * i))
  const half = Math.max(1, (33 - Math.clz32(samples - 1)) >> 1)
  const mask = 2 ** half - 1
  const once = (x: number): number => {
    let left = x >>> half
    let right = x & mask
    for (const key of keys) {
      const mixed = left ^ (scramble(right, key) & mask)
      left = right
      right = mixed
    }
    return ((left << half) | right) >>> 0
  }
  return position => {
    let x = once(position)
    while (x >= samples) x = once(x)
    return x
  }
}

/** The finaliser of MurmurHash3 (Appleby): every input bit reaches every output bit. */
const scramble = (value: number, key: number): number => {
  let x = value ^ key
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
