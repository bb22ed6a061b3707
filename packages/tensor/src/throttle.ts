/**
 * dawn.node waits for the GPU by calling the global `setImmediate` in a loop, which burns a core. On
 * a software adapter that core is the "GPU"; on any other it is somebody's. While somebody waits, each
 * turn of the loop therefore sleeps first, on hardware only once the wait has lasted a while: short
 * ones are answered at once. The sleep blocks the whole thread, so it is meant for worker threads, and
 * it is installed only between the first wait and the last completion.
 *
 * A look costs some 10 µs of a core that the "GPU" wants. Waits resemble those before them, a training step the
 * last one: so looks are rare until the shortest of the last waits is nearly over, and frequent then.
 */
const SLEEP_MIN_MS = 0.05
/** No other work of the thread waits longer than this. */
const SLEEP_MAX_MS = 1
const WAITS_KEPT = 4
/** Of what is expected; the rest is watched closely. */
const SURE = 0.9
/** Of the time by which a wait is late. */
const LATE = 1 / 32

const waiting = new Set<{ readonly sinceMs: number }>()
/** Milliseconds that the last waits lasted. */
const lasted: number[] = [0]
let spinUntilMs = 0
let original: typeof setImmediate | undefined

/** How long to sleep in a wait that has lasted `elapsedMs`, where `expectedMs` is what those before it lasted. */
export const sleepMs = (elapsedMs: number, expectedMs: number): number => {
  const sureMs = SURE * expectedMs - elapsedMs
  const ms = sureMs > 0 ? sureMs : LATE * (elapsedMs - expectedMs)
  return Math.min(SLEEP_MAX_MS, Math.max(SLEEP_MIN_MS, ms))
}

const install = (): void => {
  const plain = globalThis.setImmediate
  const cell = new Int32Array(new SharedArrayBuffer(4))
  original = plain
  const sleepy = (...args: Parameters<typeof plain>): NodeJS.Immediate => {
    const now = performance.now()
    // A set keeps the order of insertion: the first has waited longest.
    const [oldest] = waiting
    if (oldest !== undefined && now >= spinUntilMs) {
      Atomics.wait(cell, 0, 0, sleepMs(now - oldest.sinceMs, Math.min(...lasted)))
    }
    return plain(...args)
  }
  globalThis.setImmediate = Object.assign(sleepy, { __promisify__: plain.__promisify__ }) as typeof plain
}

const uninstall = (): void => {
  if (original !== undefined) globalThis.setImmediate = original
  original = undefined
}

/**
 * Runs `wait` with the poll loop slowed down, from `patienceMs` after the newest wait began; nested and
 * concurrent waits share one installation.
 */
export const throttled = async <T>(wait: Promise<T>, patienceMs = 0): Promise<T> => {
  const sinceMs = performance.now()
  const here = { sinceMs }
  spinUntilMs = sinceMs + patienceMs
  waiting.add(here)
  if (original === undefined) install()
  try {
    return await wait
  } finally {
    waiting.delete(here)
    lasted.push(performance.now() - sinceMs)
    if (lasted.length > WAITS_KEPT) lasted.shift()
    if (waiting.size === 0) uninstall()
  }
}
