/** Progress as one line: drawn over itself on a terminal, else a new one every few seconds. */
import { bytes, count, milliseconds, percent } from '../format.ts'
import { bold, dim, type Io } from '../io.ts'
import { bar, cut } from '../live-line.ts'
import type { RunRecord } from './record.ts'

const PLAIN_EVERY_MS = 5000
const LIVE_EVERY_MS = 250

export class Progress {
  readonly #io: Io
  readonly #record: RunRecord
  readonly #rounds: number
  readonly #timer: NodeJS.Timeout
  #drawn = false
  #stopped = false

  constructor(io: Io, record: RunRecord, rounds: number) {
    this.#io = io
    this.#record = record
    this.#rounds = rounds
    this.#timer = setInterval(() => this.#show(), io.live ? LIVE_EVERY_MS : PLAIN_EVERY_MS)
  }

  /** Shows where the run stands once more, and then no more. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#timer)
    this.#show()
    if (this.#drawn) this.#io.draw('\n')
  }

  #show(): void {
    const line = progressLine(this.#record, this.#rounds, this.#io)
    if (line === null) return
    if (!this.#io.live) {
      this.#io.note(line)
      return
    }
    this.#io.draw(`\r\u001b[2K${cut(line, this.#io.columns() - 1)}`)
    this.#drawn = true
  }
}

/** Null while nothing is known. */
const progressLine = (record: RunRecord, rounds: number, io: Pick<Io, 'colour' | 'live'>): string | null => {
  const { statuses } = record
  const [first] = statuses
  if (first === undefined) return null
  const sent = statuses.reduce((sum, status) => sum + status.bytes.sent, 0)
  const connected = Math.min(...statuses.map(({ peers }) => peers)) + 1
  if (record.roundsClosed === 0 && first.phase !== 'training')
    return `${first.phase}, ${connected} peers connected`
  const parts: [string, string][] = [
    ['round', `${record.roundsClosed}/${rounds}`],
    ['loss', record.loss?.toFixed(4) ?? '-'],
    [first.scoreName, percent(first.score)],
    ['peers', String(connected)],
    ['finality', milliseconds(first.finalityMs.last)],
    ['sent', bytes(sent)],
    ['samples/s', count(record.samplesPerSecond)]
  ]
  const head = io.live ? `${bar(record.roundsClosed, rounds)} ` : ''
  return `${head}${parts.map(([name, value]) => `${dim(name, io)} ${bold(value, io)}`).join('  ')}`
}
