/**
 * xoshiro128** (Blackman and Vigna, 2018) seeded through SHA-256: small, fast, the same on every
 * machine. For initial weights, splits, tests and simulation; never for keys or nonces.
 */
import { u32, u32At, utf8 } from './bytes.ts'
import { sha256 } from './hash.ts'

export class Prng {
  readonly #s: Uint32Array

  /** `seed`: any bytes, or a text or a number that stands for them. */
  constructor(seed: Uint8Array | string | number) {
    const bytes = typeof seed === 'string' ? utf8(seed) : typeof seed === 'number' ? u32(seed) : seed
    const digest = sha256(utf8('gradmesh/prng/1'), bytes)
    this.#s = Uint32Array.from({ length: 4 }, (_, i) => u32At(digest, 4 * i))
  }

  /** Uniform in [0, 2^32). */
  u32(): number {
    const s = this.#s
    const five = Math.imul(s[1]!, 5)
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0
    const shifted = s[1]! << 9
    s[2]! ^= s[0]!
    s[3]! ^= s[1]!
    s[1]! ^= s[2]!
    s[0]! ^= s[3]!
    s[2]! ^= shifted
    s[3] = (s[3]! << 11) | (s[3]! >>> 21)
    return result
  }

  /** Uniform in [0, bound), without bias; `bound` is in 1..2^32. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound)
    for (;;) {
      const draw = this.u32()
      if (draw < limit) return draw % bound
    }
  }

  /** True once in `n` on average. */
  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** Fisher-Yates, in place. */
  shuffle<A extends Uint32Array | unknown[]>(items: A): A {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const held = items[i]
      items[i] = items[j] as never
      items[j] = held as never
    }
    return items
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() >>> 24)
  }
}
