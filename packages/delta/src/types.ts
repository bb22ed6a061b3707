/**
 * The compressed delta (SparseLoCo, Sarfi et al. 2025, arXiv 2508.15706); its bytes: README.
 * Everything is integers: values have the unit 2^-32 and live in an int32, saturating.
 */

/** Where each tensor lies in the flat, padded array: every tensor starts on a chunk. */
export interface Layout {
  readonly chunk: number
  readonly keep: number
  readonly tensors: readonly {
    readonly name: string
    readonly length: number
    readonly firstChunk: number
    readonly chunks: number
  }[]
  /** Chunks in all; the flat array has chunks * chunk entries, padding included. */
  readonly chunks: number
  /** Real entries of each chunk, 1..chunk; the rest is padding. */
  readonly realLengths: Uint16Array
}

/**
 * A decoded delta: per chunk its scale and up to `keep` (index, code) pairs, flattened.
 * Chunk c owns entries starts[c] .. starts[c + 1]. A value is code * scale, code in {-3, -1, 1, 3}.
 */
export interface Delta {
  readonly starts: Uint32Array
  readonly scales: Uint32Array
  readonly indices: Uint16Array
  readonly codes: Int8Array
}

export type DeltaFault = 'DELTA_LENGTH' | 'DELTA_SCALE' | 'DELTA_INDEX' | 'DELTA_RICE' | 'DELTA_PADDING'
