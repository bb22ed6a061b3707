/**
 * Streams of requests that come in a row. Opening one costs a negotiation and a note in libp2p's peer store on both
 * sides, and its window starts small: more than a short run of leaves takes to be sealed.
 */
import type { Connection, Stream } from '@libp2p/interface'

/** The other side holds a place for each, so none is kept for long. */
const KEPT_MS = 250

interface Kept {
  readonly protocol: string
  readonly stream: Stream
  readonly timer: NodeJS.Timeout
}

export class KeptStreams {
  readonly #close: (stream: Stream) => void
  readonly #idle = new Map<Connection, Kept[]>()

  constructor(close: (stream: Stream) => void) {
    this.#close = close
  }

  put(connection: Connection, protocol: string, stream: Stream): void {
    const idle = this.#idle.get(connection) ?? []
    this.#idle.set(connection, idle)
    const timer = setTimeout(() => {
      if (this.#remove(connection, kept)) this.#close(stream)
    }, KEPT_MS)
    const kept = { protocol, stream, timer }
    idle.push(kept)
  }

  /** One that is still open at both ends. */
  take(connection: Connection, protocol: string): Stream | undefined {
    for (const kept of this.#idle.get(connection)?.toReversed() ?? []) {
      if (kept.protocol !== protocol) continue
      this.#remove(connection, kept)
      if (isOpen(kept.stream)) return kept.stream
      this.#close(kept.stream)
    }
    return undefined
  }

  stop(): void {
    for (const kept of [...this.#idle.values()].flat()) {
      clearTimeout(kept.timer)
      this.#close(kept.stream)
    }
    this.#idle.clear()
  }

  #remove(connection: Connection, kept: Kept): boolean {
    const idle = this.#idle.get(connection) ?? []
    const at = idle.indexOf(kept)
    if (at < 0) return false
    clearTimeout(kept.timer)
    idle.splice(at, 1)
    if (idle.length === 0) this.#idle.delete(connection)
    return true
  }
}

const isOpen = ({ status, writeStatus, remoteWriteStatus }: Stream): boolean =>
  status === 'open' && writeStatus === 'writable' && remoteWriteStatus === 'writable'
