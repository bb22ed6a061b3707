/** A text as tokens: windows of the first nine tenths to train on, of the rest to judge by. */
import type { Prng } from '@gradmesh/core'

export interface Windows {
  readonly tokens: Uint32Array
  readonly labels: Uint32Array
}

export class Corpus {
  readonly #train: Uint32Array
  readonly #heldOut: Uint32Array

  constructor(tokens: ArrayLike<number>) {
    const all = Uint32Array.from(tokens)
    const cut = Math.floor(0.9 * all.length)
    this.#train = all.subarray(0, cut)
    this.#heldOut = all.subarray(cut)
  }

  /** Each token's label is the token after it. */
  draw(prng: Prng, batch: number, length: number): Windows {
    const starts = Array.from({ length: batch }, () => prng.below(this.#train.length - length))
    return windows(this.#train, starts, length)
  }

  /** The first held-out windows, side by side. */
  heldOut(index: number, batch: number, length: number): Windows {
    const starts = Array.from({ length: batch }, (_, i) => (index * batch + i) * length)
    return windows(this.#heldOut, starts, length)
  }
}

const windows = (from: Uint32Array, starts: readonly number[], length: number): Windows => {
  const at = (shift: number) =>
    Uint32Array.from({ length: starts.length * length }, (_, i) => {
      return from[starts[Math.floor(i / length)]! + (i % length) + shift]!
    })
  return { tokens: at(0), labels: at(1) }
}
