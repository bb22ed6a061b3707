/** One curve in SVG, with a cursor for the mouse and for the arrow keys. */
import { el, svg } from './dom.js'
import { nearest, ticks } from './scale.js'

const WIDTH = 480
const HEIGHT = 200
const LEFT = 52
const RIGHT = 8
const TOP = 8
const BOTTOM = 22

/** @typedef {{ readonly x: number, readonly y: number }} Point */

export class Chart {
  /** @type {readonly Point[]} */
  #points = []
  #at = -1
  #title
  #xName
  #format
  #picture
  #output
  #heading
  /** @type {(x: number) => number} */
  #toX = () => 0
  /** @type {(y: number) => number} */
  #toY = () => 0

  /**
   * @param {HTMLElement} place
   * @param {{ title: string, xName: string, format: (y: number) => string }} options
   */
  constructor(place, { title, xName, format }) {
    this.#title = title
    this.#xName = xName
    this.#format = format
    this.#heading = el('h2', {}, title)
    this.#output = el('output', { 'aria-live': 'polite' }, 'no data yet')
    this.#picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: 'img' })
    this.#picture.addEventListener('pointermove', event =>
      this.#onPointer(/** @type {PointerEvent} */ (event))
    )
    this.#picture.addEventListener('pointerleave', () => this.#moveTo(-1))
    this.#picture.addEventListener('keydown', event => this.#onKey(/** @type {KeyboardEvent} */ (event)))
    place.replaceChildren(this.#heading, this.#picture, this.#output)
  }

  /** @param {string} title */
  rename(title) {
    if (title === this.#title) return
    this.#title = title
    this.#heading.textContent = title
    this.#draw()
  }

  /** @param {readonly Point[]} points ascending in x */
  show(points) {
    this.#points = points
    if (this.#at >= points.length) this.#at = -1
    this.#draw()
  }

  #draw() {
    const points = this.#points
    const first = points[0]
    const last = points.at(-1)
    const label = last === undefined ? 'no data yet' : `${this.#xName} ${last.x}: ${this.#format(last.y)}`
    this.#picture.setAttribute('aria-label', `${this.#title}; ${label}; arrow keys read the values`)
    if (first === undefined || last === undefined) {
      this.#picture.replaceChildren()
      this.#output.textContent = label
      return
    }
    const yTicks = ticks(Math.min(...points.map(p => p.y)), Math.max(...points.map(p => p.y)), 4)
    const low = yTicks[0] ?? 0
    const high = yTicks.at(-1) ?? 1
    const span = Math.max(1, last.x - first.x)
    this.#toX = x => LEFT + ((x - first.x) / span) * (WIDTH - LEFT - RIGHT)
    this.#toY = y => HEIGHT - BOTTOM - ((y - low) / (high - low)) * (HEIGHT - TOP - BOTTOM)
    const grid = yTicks.flatMap(y => {
      const at = this.#toY(y)
      return [
        svg('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }),
        svg('text', { x: LEFT - 6, y: at + 4, 'text-anchor': 'end' }, this.#format(y))
      ]
    })
    const ends = [
      svg('text', { x: LEFT, y: HEIGHT - 6 }, `${this.#xName} ${first.x}`),
      svg('text', { x: WIDTH - RIGHT, y: HEIGHT - 6, 'text-anchor': 'end' }, String(last.x))
    ]
    const path = points.map(
      (p, i) => `${i === 0 ? 'M' : 'L'}${this.#toX(p.x).toFixed(1)} ${this.#toY(p.y).toFixed(1)}`
    )
    this.#picture.replaceChildren(
      ...grid,
      ...ends,
      svg('path', { class: 'curve', d: path.join('') }),
      ...this.#cursor()
    )
  }

  #cursor() {
    const point = this.#points[this.#at]
    const shown = point ?? this.#points.at(-1)
    this.#output.textContent =
      shown === undefined ? '' : `${this.#xName} ${shown.x}: ${this.#format(shown.y)}`
    if (shown === undefined) return []
    const x = this.#toX(shown.x)
    const dot = svg('circle', { class: 'dot', cx: x, cy: this.#toY(shown.y), r: 3 })
    if (point === undefined) return [dot]
    return [svg('line', { class: 'cursor', x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }), dot]
  }

  /** @param {number} at */
  #moveTo(at) {
    if (at === this.#at) return
    this.#at = at
    this.#draw()
  }

  /** @param {PointerEvent} event */
  #onPointer(event) {
    const first = this.#points[0]
    const last = this.#points.at(-1)
    if (first === undefined || last === undefined) return
    const box = this.#picture.getBoundingClientRect()
    const inside = ((event.clientX - box.left) / box.width) * WIDTH
    const share = (inside - LEFT) / (WIDTH - LEFT - RIGHT)
    this.#moveTo(nearest(this.#points, first.x + share * (last.x - first.x)))
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const end = this.#points.length - 1
    const at = this.#at < 0 ? end : this.#at
    /** @type {Record<string, number>} */
    const moves = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      PageUp: at - 10,
      PageDown: at + 10,
      Home: 0,
      End: end,
      Escape: -1
    }
    const to = moves[event.key]
    if (to === undefined || end < 0) return
    event.preventDefault()
    this.#moveTo(event.key === 'Escape' ? -1 : Math.min(end, Math.max(0, to)))
  }
}
