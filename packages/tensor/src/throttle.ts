/**
 * dawn.node waits for the GPU by calling the global `setImmediate` in a loop, which burns a core. On
 * a software adapter that core is the "GPU"; on any other it is somebody's. While somebody waits, each
 * turn of the loop therefore sleeps first, on hardware only once the wait has lasted a while: short
 * ones are answered at once. The sleep blocks the whole thread, so it is meant for worker threads, and
 * it is installed only between the first wait and the last completion.
 */
const SLEEP_MS = 0.1

let waiters = 0
let spinUntilMs = 0
let original: typeof setImmediate | undefined

const install = (): void => {
  const plain = globalThis.setImmediate
  const cell = new Int32Array(new SharedArrayBuffer(4))
  original = plain
  const sleepy = (...args: Parameters<typeof plain>): NodeJS.Immediate => {
    if (performance.now() >= spinUntilMs) Atomics.wait(cell, 0, 0, SLEEP_MS)
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
  spinUntilMs = performance.now() + patienceMs
  if (waiters++ === 0) install()
  try {
    return await wait
  } finally {
    if (--waiters === 0) uninstall()
  }
}
