/**
 * The stream of `/v1/events`: what the view tells goes to every client, and the newest of each type
 * is kept, so that a client that was cut off resumes where it was, and a new page can draw its
 * curves. An id is `BOOT-N`: BOOT names this run of the server, N counts. Status events are
 * snapshots: sent every second while anyone listens, never kept, and without an id of their own.
 */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { MeshEvent, StreamEvent } from '@gradmesh/api'
import type { Logger } from '@gradmesh/core'
import type { HttpLimits } from './limits.ts'
import type { PeerView } from './view.ts'

interface Kept {
  readonly n: number
  readonly frame: string
}

/** How long a browser waits before it connects anew. */
const RETRY_MS = 1_000

const frame = (event: StreamEvent, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

export class EventHub {
  readonly #view: PeerView
  readonly #limits: HttpLimits
  readonly #logger: Logger
  readonly #boot = randomBytes(4).toString('hex')
  readonly #kept = new Map<string, Kept[]>()
  readonly #clients = new Set<ServerResponse>()
  readonly #unsubscribe: () => void
  #last = 0
  /** The newest event that is no longer kept. */
  #forgotten = 0
  #timers: NodeJS.Timeout[] = []

  constructor(view: PeerView, limits: HttpLimits, logger: Logger) {
    this.#view = view
    this.#limits = limits
    this.#logger = logger
    this.#unsubscribe = view.subscribe(event => this.#onEvent(event))
  }

  get clients(): number {
    return this.#clients.size
  }

  get isFull(): boolean {
    return this.#clients.size >= this.#limits.eventClientsMax
  }

  /** Takes over the response. The caller has checked `isFull`. */
  open(response: ServerResponse, lastEventId: string | undefined, replay: boolean): void {
    this.#clients.add(response)
    response.once('close', () => this.#onClose(response))
    // A client that goes away mid-write is everyday; `close` follows.
    response.on('error', () => {})
    if (this.#clients.size === 1) this.#startTimers()
    const replayed = lastEventId !== undefined ? this.#since(lastEventId) : replay ? this.#after(0) : ''
    this.#write(response, `retry: ${RETRY_MS}\n\n${replayed}${this.#status()}`)
  }

  close(): void {
    this.#unsubscribe()
    this.#stopTimers()
    for (const response of this.#clients) response.end()
  }

  #onEvent(event: MeshEvent): void {
    this.#last += 1
    const kept = { n: this.#last, frame: frame(event, `${this.#boot}-${this.#last}`) }
    const same = this.#kept.get(event.type) ?? []
    this.#kept.set(event.type, same)
    same.push(kept)
    if (same.length > this.#limits.eventsKeptMax)
      this.#forgotten = Math.max(this.#forgotten, same.shift()?.n ?? 0)
    this.#broadcast(kept.frame)
  }

  #since(lastEventId: string): string {
    const match = /^([0-9a-f]{8})-([0-9]{1,15})$/.exec(lastEventId)
    const n = match !== null && match[1] === this.#boot ? Number(match[2]) : -1
    const isWhole = n >= this.#forgotten && n <= this.#last
    return isWhole ? this.#after(n) : frame({ type: 'gap' }) + this.#after(n <= this.#last ? n : -1)
  }

  #after(n: number): string {
    return [...this.#kept.values()]
      .flat()
      .filter(kept => kept.n > n)
      .sort((a, b) => a.n - b.n)
      .map(kept => kept.frame)
      .join('')
  }

  #status(): string {
    try {
      return frame({ type: 'status', status: this.#view.status() })
    } catch (error) {
      this.#logger.error({ error }, 'the status for event streams could not be read')
      return ': no status\n\n'
    }
  }

  #broadcast(text: string): void {
    for (const response of this.#clients) this.#write(response, text)
  }

  #write(response: ServerResponse, text: string): void {
    if (response.writableLength > this.#limits.eventBacklogBytesMax) response.destroy()
    else response.write(text)
  }

  #onClose(response: ServerResponse): void {
    this.#clients.delete(response)
    if (this.#clients.size === 0) this.#stopTimers()
  }

  #startTimers(): void {
    this.#timers = [
      setInterval(() => this.#broadcast(this.#status()), this.#limits.statusMs),
      setInterval(() => this.#broadcast(': beat\n\n'), this.#limits.heartbeatMs)
    ]
    for (const timer of this.#timers) timer.unref()
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
  }
}
