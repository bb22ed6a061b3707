/**
 * What V8 made of the sources is kept for the next start: a command begins in about half the time, a killed peer
 * is back that much sooner. It is kept in the user's own cache folder, never in the shared temporary one: cached
 * code is run as it is, so nobody else may write it. Where it can't be written, nothing is kept and nothing fails.
 */
import { enableCompileCache, flushCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** By then a peer has loaded all that it is made of. Node itself writes at a process's end, which a killed one has not. */
const LOADED_MS = 15_000

/** `NODE_COMPILE_CACHE`, where it is set, has been obeyed by Node already. */
export const codeCacheFolder = (env: NodeJS.ProcessEnv, home: string): string => {
  const { XDG_CACHE_HOME: caches = '' } = env
  return join(isAbsolute(caches) ? caches : join(home, '.cache'), 'gradmesh', 'code')
}

export const keepCompiledCode = (env: NodeJS.ProcessEnv): void => {
  enableCompileCache(codeCacheFolder(env, homedir()))
  setTimeout(flushCompileCache, LOADED_MS).unref()
}
