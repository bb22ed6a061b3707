/**
 * Memory for the runs of leaves that are being sent. What one run has left takes the next: fresh memory for each would be
 * as much garbage as the checkpoint has bytes. Nothing is kept while nobody asks.
 */
const KEPT_MAX = 4

export class LeafRooms {
  readonly #bytes: number
  readonly #free: Uint8Array[] = []
  #lent = 0

  /** @param bytes of the longest run. */
  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** Free ones that are kept. */
  get kept(): number {
    return this.#free.length
  }

  lend(): Uint8Array {
    this.#lent++
    return this.#free.pop() ?? new Uint8Array(this.#bytes)
  }

  /** @param isFree nobody looks into it any more. */
  takeBack(room: Uint8Array, isFree: boolean): void {
    this.#lent--
    if (isFree && this.#free.length < KEPT_MAX) this.#free.push(room)
    if (this.#lent === 0) this.#free.length = 0
  }
}
