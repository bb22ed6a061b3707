/** What packages ask of the world around them, so that a test or a simulation can stand in for it. */

export interface Timer {
  /** Calls it off; without effect once it has run. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds that only go forward; the origin means nothing. */
  nowMs(): number
  /** Milliseconds since 1970, for showing to people; never for deciding. */
  wallMs(): number
  /** Runs once, when about that many milliseconds have passed; never before this call has returned. */
  after(delayMs: number, run: () => void): Timer
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return { cancel: () => clearTimeout(timer) }
  }
}

/** Resolves when that many milliseconds have passed. */
export const pause = (clock: Pick<Clock, 'after'>, delayMs: number): Promise<void> =>
  new Promise(resolve => {
    clock.after(delayMs, resolve)
  })

type Fields = Readonly<Record<string, unknown>>

/** A constant message plus fields. Levels are explained in docs/HACKING.md. */
export interface Logger {
  debug(fields: Fields, message: string): void
  info(fields: Fields, message: string): void
  warn(fields: Fields, message: string): void
  error(fields: Fields, message: string): void
  child(fields: Fields): Logger
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger
}

/** Names end in their unit: `_seconds`, `_bytes`, `_total`. Labels come from small closed sets. */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void
}

export const silentMetrics: Metrics = { count() {}, gauge() {}, observe() {} }
