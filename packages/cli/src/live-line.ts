/** One line at the bottom of a terminal that is drawn over itself; whatever else is said goes above it. */
import type { Io } from './io.ts'

const CLEAR = '\r\u001b[2K'

export class LiveLine {
  /** For all who write while the line stands. */
  readonly io: Io
  readonly #inner: Io
  #text = ''

  constructor(io: Io) {
    this.#inner = io
    this.io = {
      ...io,
      print: text => this.#above(() => io.print(text)),
      note: text => this.#above(() => io.note(text))
    }
  }

  show(text: string): void {
    if (text === this.#text) return
    this.#text = text
    this.#inner.draw(`${CLEAR}${cut(text, this.#inner.columns() - 1)}`)
  }

  clear(): void {
    if (this.#text !== '') this.#inner.draw(CLEAR)
    this.#text = ''
  }

  #above(write: () => void): void {
    const text = this.#text
    this.clear()
    write()
    if (text !== '') this.show(text)
  }
}

/** Cuts visible letters; colour codes take no room. */
export const cut = (line: string, columns: number): string => {
  let room = columns
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal codes are control characters
  return line.replace(/\u001b\[\d+m|./gu, part => (part.startsWith('\u001b') ? part : room-- > 0 ? part : ''))
}

/** How much of the whole is done. */
export const bar = (done: number, total: number, cells = 20): string => {
  const full = total <= 0 ? 0 : Math.min(cells, Math.max(0, Math.floor((cells * done) / total)))
  return `[${'█'.repeat(full)}${'░'.repeat(cells - full)}]`
}
