import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface ColdStart {
  readonly id: string
  /** Scalars and options of the first case that asks for this form. */
  readonly form: string
  /** Wall time, or the process's CPU time where that is less: other programs on this machine count for nothing. */
  readonly ms: number
  /** The same in units of what the yardstick took just before and after it, which other programs stretch alike. */
  readonly yardsticks: number
}

export interface ColdOptions {
  /** Kernels whose id contains it. */
  readonly kernel?: string
  /** One form of each kernel, that of its last case. */
  readonly last?: boolean
  /** Mesa keeps in this folder what it compiled. Left out: nobody keeps anything. */
  readonly cache?: string
}

/** In a process of its own, since drivers read their cache settings once. */
export const coldStarts = async ({
  kernel = '',
  last = false,
  cache
}: ColdOptions = {}): Promise<{ readonly adapter: string; readonly starts: readonly ColdStart[] }> => {
  const settings =
    cache === undefined
      ? { MESA_SHADER_CACHE_DISABLE: 'true', __GL_SHADER_DISK_CACHE: '0' }
      : { MESA_SHADER_CACHE_DISABLE: 'false', MESA_SHADER_CACHE_DIR: cache }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [new URL('./child.ts', import.meta.url).pathname, kernel, last ? 'last' : 'all'],
    { env: { ...process.env, ...settings }, maxBuffer: 2 ** 26 }
  )
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}
