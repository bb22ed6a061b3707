/** Reads the fields of a binary form one after the other. */
import { u16At, u32At, u64At } from '@gradmesh/core'

/** Past the end it reads zeros and remembers that it did. */
export class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return Math.max(0, this.#bytes.length - this.#at)
  }

  get isOverrun(): boolean {
    return this.#at > this.#bytes.length
  }

  bytes(count: number): Uint8Array {
    const part = new Uint8Array(count)
    part.set(this.#bytes.subarray(Math.min(this.#at, this.#bytes.length), this.#at + count))
    this.#at += count
    return part
  }

  u8(): number {
    return this.bytes(1)[0]!
  }

  u16(): number {
    return u16At(this.bytes(2), 0)
  }

  u32(): number {
    return u32At(this.bytes(4), 0)
  }

  u64(): bigint {
    return u64At(this.bytes(8), 0)
  }
}
