/** The leader lottery once more, written from its description alone: the rules are held against it. */
import { createHash } from 'node:crypto'
import type { Validator } from '@gradmesh/consensus'

interface Lottery {
  readonly validators: readonly Validator[]
  readonly leaderSeed: Uint8Array
}

/** Tickets are numbered 0..W-1, in the order of keys, as many for each as it has stake. */
export const drawLeader = ({ validators, leaderSeed }: Lottery, slot: number): number => {
  const holders = validators
    .map(({ key, stake }, index) => ({ name: Buffer.from(key).toString('hex'), stake, index }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const tickets = holders.reduce((sum, { stake }) => sum + stake, 0n)
  const drawable = 2n ** 64n - (2n ** 64n % tickets)
  const number = Buffer.alloc(8)
  number.writeBigUInt64LE(BigInt(slot))
  let digest = createHash('sha256').update(leaderSeed).update(number).digest()
  while (digest.readBigUInt64LE() >= drawable) digest = createHash('sha256').update(digest).digest()
  const ticket = digest.readBigUInt64LE() % tickets
  let below = 0n
  for (const { stake, index } of holders) {
    below += stake
    if (ticket < below) return index
  }
  return -1
}
