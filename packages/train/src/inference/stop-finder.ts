/** Ends a text before the first of some words. What may yet become one of them is held back. */
export class StopFinder {
  readonly #stops: readonly string[]
  #held = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter(stop => stop !== '')
  }

  /** The text that is settled; `stopped` once a stop was found, and it ends before it. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + text
    const found = this.#stops.map(stop => all.indexOf(stop)).filter(at => at >= 0)
    if (found.length > 0) return { text: all.slice(0, Math.min(...found)), stopped: true }
    const keep = Math.max(0, ...this.#stops.map(stop => beginningAtEnd(all, stop)))
    this.#held = all.slice(all.length - keep)
    return { text: all.slice(0, all.length - keep), stopped: false }
  }

  /** What was held back when the text ended. */
  end(): string {
    return this.#held
  }
}

/** How much of the end of `text` is a beginning of `stop`. */
const beginningAtEnd = (text: string, stop: string): number => {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length--)
    if (text.endsWith(stop.slice(0, length))) return length
  return 0
}
