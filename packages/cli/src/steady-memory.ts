/**
 * A peer's resident memory must not creep. Each round makes and drops a dozen arrays as long as the model, in
 * three threads. glibc gives the first such array pages of its own, then raises the bound above which it does
 * so up to 32 MiB, and cuts all further ones out of arenas, one for each thread, where whatever small lives
 * between them keeps the pages: in ten minutes of short rounds 85 MiB of free memory lay there. With the bound
 * held, an array's pages go back when it does. V8's nursery, too, takes what a busy minute wants and keeps it.
 *
 * Both are read when a process begins, so a peer that was started without them starts again in its place.
 */
export interface Start {
  /** Options of node, the script, its words. */
  readonly words: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

export const steadyMemory = {
  execArgv: ['--max-semi-space-size=8'],
  env: { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' }
} as const

/** Commands that run for days. */
const LASTING = new Set(['up', 'join'])

/** How this process would have been started, or null where it need not or must not start again. */
export const steadied = ({
  argv,
  execArgv,
  env,
  platform,
  send
}: Pick<typeof process, 'argv' | 'execArgv' | 'env' | 'platform' | 'send'>): Start | null => {
  const [, script = '', name = '', ...rest] = argv
  if (platform !== 'linux' || !LASTING.has(name)) return null
  // Whoever chose an allocator's settings, or holds a channel to this process, has its own way to start it.
  if (Object.keys(env).some(key => key.startsWith('MALLOC_')) || send !== undefined) return null
  return {
    words: [...steadyMemory.execArgv, ...execArgv, script, name, ...rest],
    env: { ...env, ...steadyMemory.env }
  }
}

/** The same process id, terminal and parent; does not return where it takes effect. */
export const startSteadily = (): void => {
  const start = steadied(process)
  if (start !== null) process.execve?.(process.execPath, [process.execPath, ...start.words], start.env)
}
