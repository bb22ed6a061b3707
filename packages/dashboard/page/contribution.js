/** What became of this peer's own deltas: the receipts, with the ledger's reasons. */
import { askJson } from './ask.js'
import { el } from './dom.js'

/** @import { Receipt, StreamEvent } from '@gradmesh/api' */

const KEPT_MAX = 5

export class Contribution {
  /** Newest first. @type {string[]} */
  #digests = []
  /** Settled ones never change. @type {Map<string, Receipt>} */
  #receipts = new Map()
  /** By trainer. @type {Map<string, string>} */
  newest = new Map()

  /** @param {StreamEvent} event */
  onEvent(event) {
    if (event.type !== 'delta') return
    this.newest.set(
      event.trainer,
      `delta of round ${event.round} ${event.outcome === 'pending' ? 'waits' : event.outcome}`
    )
    if (!event.own || this.#digests.includes(event.digest)) return
    this.#digests = [event.digest, ...this.#digests].slice(0, KEPT_MAX)
  }

  /** @returns {Promise<Receipt[]>} */
  async receipts() {
    for (const digest of this.#digests) {
      const known = this.#receipts.get(digest)
      if (known !== undefined && known.outcome !== 'pending') continue
      const receipt = await askJson(`/v1/deltas/${digest}`)
      if (receipt !== undefined) this.#receipts.set(digest, receipt)
    }
    for (const digest of this.#receipts.keys())
      if (!this.#digests.includes(digest)) this.#receipts.delete(digest)
    return this.#digests.flatMap(digest => this.#receipts.get(digest) ?? [])
  }
}

const TONES = { accepted: 'good', refused: 'bad', pending: 'warn' }

/** @param {Receipt} receipt */
export const outcomeOf = ({ outcome }) => el('span', { class: TONES[outcome] }, outcome)
