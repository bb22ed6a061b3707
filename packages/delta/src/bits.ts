/** A stream of bits, the lowest bit of each byte first. */

export class BitWriter {
  readonly #bytes: Uint8Array
  #at = 0
  #held = 0
  #bits = 0

  /** `bytesMax`: the caller's proven bound. */
  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax)
  }

  /** The lowest `count` bits of `value`, count in 0..16. */
  write(value: number, count: number): void {
    this.#held |= value << this.#bits
    this.#bits += count
    while (this.#bits >= 8) {
      this.#bytes[this.#at++] = this.#held
      this.#held >>>= 8
      this.#bits -= 8
    }
  }

  /** Everything written, the last byte filled up with zeros. */
  finish(): Uint8Array {
    if (this.#bits > 0) this.#bytes[this.#at++] = this.#held
    return this.#bytes.slice(0, this.#at)
  }
}

/** Past the end it reads zeros and remembers that it did; the caller asks `isOverrun`. */
export class BitReader {
  readonly #bytes: Uint8Array
  #at = 0
  #held = 0
  #bits = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The next `count` bits, count in 0..16. */
  read(count: number): number {
    while (this.#bits < count) {
      this.#held |= (this.#bytes[this.#at++] ?? 0) << this.#bits
      this.#bits += 8
    }
    const value = this.#held & ((1 << count) - 1)
    this.#held >>>= count
    this.#bits -= count
    return value
  }

  /** How many ones come before the next zero; stops, without the zero, at `limit`. */
  ones(limit: number): number {
    let count = 0
    while (count < limit && this.read(1) === 1) count++
    return count
  }

  get isOverrun(): boolean {
    return this.#at > this.#bytes.length
  }

  /** Whole bytes not yet begun. */
  get bytesLeft(): number {
    return this.#bytes.length - this.#at
  }

  /** The rest of the byte that was begun. */
  get tail(): number {
    return this.#held
  }
}
