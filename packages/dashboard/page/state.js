/** What the page remembers of the stream: curves by round and by height, bounded, repeats without effect. */

/** @import { StreamEvent } from '@gradmesh/api' */
/** @typedef {{ readonly x: number, readonly y: number }} Point */

const POINTS_MAX = 2_048

export class Curve {
  /** @type {Point[]} */
  #points = []

  /** @returns {readonly Point[]} */
  get points() {
    return this.#points
  }

  /**
   * Usually at the end; after a reconnection a point may come again, or late.
   * @param {number} x
   * @param {number | null} y
   */
  add(x, y) {
    if (y === null) return
    const kept = this.#points.filter(point => point.x !== x)
    const at = kept.findLastIndex(point => point.x < x) + 1
    kept.splice(at, 0, { x, y })
    this.#points = kept.slice(-POINTS_MAX)
  }
}

export class History {
  loss = new Curve()
  score = new Curve()
  finality = new Curve()

  /** @param {StreamEvent} event */
  onEvent(event) {
    if (event.type === 'round') {
      this.loss.add(event.round, event.loss)
      this.score.add(event.round, event.score)
    }
    if (event.type === 'final') this.finality.add(event.height, event.finalityMs)
  }
}
