/**
 * The error-feedback buffer of a trainer: what earlier rounds have not sent yet, unit 2^-32, padded. While a
 * round is open it is not settled what of it was sent: the ledger's word decides.
 */
import { isFault, MeshError } from '@gradmesh/core'
import { type Delta, debit, decodeDelta, type Layout, paddedLength } from '@gradmesh/delta'

/** What a peer wrote down when it published its newest delta: enough to go on after a crash. */
export interface StoredError {
  /** The error buffer with that round's work added, nothing debited. */
  readonly accumulated: Int32Array
  /** Empty when it is gone; it was not accepted then. */
  readonly payload: Uint8Array
  /** What became of the delta; null while its round is open. */
  readonly accepted: boolean | null
}

export class ErrorBuffer {
  readonly #layout: Layout
  #error: Int32Array
  #pending: { readonly accumulated: Int32Array; readonly delta: Delta } | null = null

  /** @throws MeshError `ERROR_BUFFER` */
  constructor(layout: Layout, stored: StoredError | null) {
    this.#layout = layout
    this.#error = new Int32Array(paddedLength(layout))
    if (stored !== null) this.#resume(stored)
  }

  get error(): Int32Array {
    return this.#error
  }

  /** A round's work: what was gathered, and what of it the delta says. */
  gathered(accumulated: Int32Array, delta: Delta): void {
    this.#pending = { accumulated, delta }
  }

  /** The round is final: what it accepted is paid off, what it did not stays owed. */
  settle(accepted: boolean): void {
    if (this.#pending === null) return
    const { accumulated, delta } = this.#pending
    this.#error = accepted ? debit(accumulated, delta, this.#layout) : accumulated
    this.#pending = null
  }

  #resume({ accumulated, payload, accepted }: StoredError): void {
    if (accepted === false) {
      this.#error = accumulated
      return
    }
    const delta = decodeDelta(this.#layout, payload)
    if (isFault(delta))
      throw new MeshError('ERROR_BUFFER', `the stored delta does not decode: ${delta.fault}`)
    this.#pending = { accumulated, delta }
    if (accepted) this.settle(true)
  }
}
