/**
 * The split between what is learnt from and what is held out. It depends on the labels' counts and the
 * seed alone, so every peer of a mesh holds out the same samples without a word about it.
 */
import { assert, concatBytes, Prng, utf8 } from '@gradmesh/core'

export interface Split {
  /** Sample numbers to learn from, in seeded order. */
  readonly train: Uint32Array
  /** Sample numbers that no peer learns from, in seeded order. */
  readonly heldOut: Uint32Array
}

/**
 * Each class gives to `heldOut` its share of `heldOutCount`; what division leaves over goes by largest
 * remainder, then to the lower class. `labels` are in 0..classes-1.
 */
export const stratifiedSplit = (
  labels: Uint32Array,
  classes: number,
  heldOutCount: number,
  seed: Uint8Array
): Split => {
  assert(heldOutCount >= 0 && heldOutCount <= labels.length, 'the held-out part fits the data')
  const random = new Prng(concatBytes(utf8('gradmesh/split/1'), seed))
  const members: number[][] = Array.from({ length: classes }, () => [])
  labels.forEach((label, sample) => {
    members[label]!.push(sample)
  })
  const quotas = apportion(
    members.map(samples => samples.length),
    heldOutCount
  )
  const train: number[] = []
  const heldOut: number[] = []
  members.forEach((samples, label) => {
    random.shuffle(samples)
    heldOut.push(...samples.slice(0, quotas[label]))
    train.push(...samples.slice(quotas[label]))
  })
  return {
    train: random.shuffle(Uint32Array.from(train)),
    heldOut: random.shuffle(Uint32Array.from(heldOut))
  }
}

/** Whole shares of `total` in proportion to `counts`. */
const apportion = (counts: readonly number[], total: number): number[] => {
  const all = counts.reduce((sum, count) => sum + count, 0)
  const shares = counts.map(count => Math.floor((count * total) / all))
  const left = total - shares.reduce((sum, share) => sum + share, 0)
  const byRemainder = counts
    .map((count, label) => ({ label, remainder: (count * total) % all }))
    .sort((a, b) => b.remainder - a.remainder || a.label - b.label)
  for (const { label } of byRemainder.slice(0, left)) shares[label]! += 1
  return shares
}
