/**
 * Epochs of a simulated mesh: after so many rounds the block that closes the last is a boundary, and those who vote
 * go on with other stakes. Where an epoch begins follows from the boundary that became final, so the mesh learns it as it
 * goes. A schedule without epochs has one that does not end.
 */
import type { BlockRef, Validator } from '@gradmesh/consensus'
import { BOUNDS } from '@gradmesh/wire'

export interface Epochs {
  /** Blocks with a round that an epoch has; the last is its boundary. */
  readonly rounds: number
  /** By epoch, in turn. The same keys in the same places. */
  readonly sets: readonly (readonly Validator[])[]
}

/** One that does not end. */
export const oneEpoch = (validators: readonly Validator[]): Epochs => ({
  rounds: Number.POSITIVE_INFINITY,
  sets: [validators]
})

export interface Begun {
  readonly firstSlot: number
  /** Of the boundary that it starts from. */
  readonly height: number
}

export class Turns {
  readonly #epochs: Epochs
  readonly #begun: Begun[] = [{ firstSlot: 1, height: 0 }]

  constructor(epochs: Epochs) {
    this.#epochs = epochs
  }

  /** Of the slot's epoch, as far as anybody got. */
  epochOf(slot: number): number {
    return this.#begun.findLastIndex(({ firstSlot }) => firstSlot <= slot)
  }

  begun(epoch: number): Begun {
    return this.#begun[epoch]!
  }

  validators(epoch: number): readonly Validator[] {
    const { sets } = this.#epochs
    return sets[epoch % sets.length]!
  }

  /** This boundary of that epoch is final for somebody; the judge sees to it that there is no other. */
  end(epoch: number, { slot, height }: BlockRef): void {
    this.#begun[epoch + 1] ??= { firstSlot: slot + BOUNDS.slotsBetweenEpochs, height }
  }

  /** Whether a block with a round is a boundary. `finals`: what is final below it. */
  closes(
    { empty, height }: Pick<BlockRef, 'empty' | 'height'>,
    finalsBelow: () => readonly BlockRef[]
  ): boolean {
    if (empty || this.#epochs.sets.length === 1) return false
    const finals = finalsBelow()
    const since = finals.findLast(block => block.boundary)?.height ?? 0
    if (height <= since) return false
    const rounds = finals.filter(block => !block.empty && block.height > since && block.height < height)
    return rounds.length + 1 === this.#epochs.rounds
  }
}
