/** The digest of everything that happened in a run, in order: two runs with one digest had one history. */
import { createHash } from 'node:crypto'

const WORDS = 2_048

export class Trace {
  readonly #hash = createHash('sha256')
  readonly #words = new Uint32Array(WORDS)
  #at = 0

  note(a: number, b: number, c: number, d: number, e: number): void {
    if (this.#at > WORDS - 5) this.#flush()
    const words = this.#words
    words[this.#at++] = a
    words[this.#at++] = b
    words[this.#at++] = c
    words[this.#at++] = d
    words[this.#at++] = e
  }

  /** Ends the trace. */
  digest(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #flush(): void {
    this.#hash.update(new Uint8Array(this.#words.buffer, 0, 4 * this.#at))
    this.#at = 0
  }
}
