import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface ColdStart {
  readonly id: string
  /** Scalars and options of the first case that asks for this form. */
  readonly form: string
  /** Wall time, or the process's CPU time where that is less: other programs on this machine count for nothing. */
  readonly ms: number
}

/** In a process of its own, since drivers read their cache settings once. */
export const coldStarts = async (
  kernel = ''
): Promise<{ readonly adapter: string; readonly starts: readonly ColdStart[] }> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [new URL('./child.ts', import.meta.url).pathname, kernel],
    {
      env: { ...process.env, MESA_SHADER_CACHE_DISABLE: 'true', __GL_SHADER_DISK_CACHE: '0' },
      maxBuffer: 2 ** 26
    }
  )
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}
