/**
 * Tasks from outside. A mesh names such a task by the digest of its files; whoever takes part has a copy of them, which is
 * checked before a line of it runs. It runs with all that the peer may do: the code of a task is trusted code.
 */
import { readFile, realpath, stat } from 'node:fs/promises'
import { registerHooks } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { equalBytes, MeshError, toHex } from '@gradmesh/core'
import { taskKinds } from '../tasks/index.ts'
import type { TaskKind } from '../types.ts'
import { badPlugin, CORRECT, pluginDigest, said } from './files.ts'
import { guarded } from './guarded.ts'

export interface Plugin {
  /** The file or folder, absolute. */
  readonly place: string
  readonly digest: Uint8Array
  readonly kind: TaskKind
}

/**
 * Where a task's name leads: a path, or a package installed at or above `from`. Null for neither.
 * @throws MeshError `TASK_PLUGIN` for a path that leads nowhere
 */
export const findPlugin = async (name: string, from: string): Promise<string | null> => {
  if (isAbsolute(name) || /^\.{0,2}[\\/]|\.(ts|mts|js|mjs)$/.test(name)) {
    const place = resolve(from, name)
    if (await isThere(place)) return place
    throw badPlugin(place, 'nothing is there', 'check the path')
  }
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name)
    if (await isThere(join(place, 'package.json'))) return place
    if (dirname(folder) === folder) return null
  }
}

/**
 * @param expected the digest that the mesh names; null for a founder, who takes the copy as it is.
 * @throws MeshError `TASK_PLUGIN`, `TASK_DIGEST`
 */
export const loadPlugin = async (place: string, expected: Uint8Array | null): Promise<Plugin> => {
  const digest = await pluginDigest(place)
  if (expected !== null && !equalBytes(digest, expected))
    throw new MeshError(
      'TASK_DIGEST',
      `${place} is not the task that the mesh runs: its files have the digest ${toHex(digest).slice(0, 12)}…, the mesh names ${toHex(expected).slice(0, 12)}…`,
      {
        remedy:
          'get the very files that the founder has (the same version of the package, nothing changed or added), and name them with --task',
        data: { place, digest: toHex(digest), expected: toHex(expected) }
      }
    )
  const entry = await entryOf(place)
  lendOwnPackages(await realpath(place))
  const module: { default?: unknown } = await inTime(import(pathToFileURL(entry.path).href)).catch(cause => {
    throw badPlugin(place, `it can't be loaded: ${said(cause)}`, CORRECT, cause)
  })
  const kind = module.default
  if (!isTaskKind(kind))
    throw badPlugin(place, 'its default export is no task: id, about, found and open are needed', CORRECT)
  if (taskKinds().some(({ id }) => id === kind.id))
    throw badPlugin(place, `its id "${kind.id}" is that of a task of gradmesh`, CORRECT)
  if (entry.package !== null && entry.package !== kind.id)
    throw badPlugin(place, `its id is "${kind.id}", and the package is called ${entry.package}`, CORRECT)
  return { place, digest, kind: guarded(place, kind) }
}

/** Longer than any module takes, and short of what a person waits for. */
const LOAD_MS_MAX = 30_000

const inTime = async <T>(loading: Promise<T>): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const what = `it still loads after ${LOAD_MS_MAX / 1000} s: does it await something that never comes?`
  const timer = setTimeout(reject, LOAD_MS_MAX, what)
  return Promise.race([loading, promise]).finally(() => clearTimeout(timer))
}

const isTaskKind = (value: unknown): value is TaskKind => {
  if (typeof value !== 'object' || value === null) return false
  const { id, about, found, open } = value as Partial<Record<keyof TaskKind, unknown>>
  return (
    typeof id === 'string' &&
    id !== '' &&
    typeof about === 'string' &&
    typeof found === 'function' &&
    typeof open === 'function'
  )
}

interface Entry {
  readonly path: string
  /** Its package's name; null for a single file. */
  readonly package: string | null
}

const entryOf = async (place: string): Promise<Entry> => {
  if ((await stat(place)).isFile()) {
    const source = await readFile(place, 'utf8')
    // What it would bring along is not in its digest.
    if (/\b(?:from|import)\s*\(?\s*['"]\.{1,2}\//.test(source))
      throw badPlugin(
        place,
        'it imports files beside it, which its digest would not cover',
        'put the task into a folder with a package.json, and name the folder'
      )
    return { path: place, package: null }
  }
  const path = join(place, 'package.json')
  const json: unknown = await readFile(path, 'utf8')
    .then(JSON.parse)
    .catch(cause => {
      throw badPlugin(place, 'a folder needs a package.json', CORRECT, cause)
    })
  if (typeof json !== 'object' || json === null)
    throw badPlugin(place, 'its package.json is no object', CORRECT)
  const { name, main, exports } = json as { name?: unknown; main?: unknown; exports?: unknown }
  const entry = mainOf(exports) ?? (typeof main === 'string' ? main : 'index.js')
  return { path: join(place, entry), package: typeof name === 'string' ? name : '' }
}

const mainOf = (exports: unknown): string | undefined => {
  if (typeof exports === 'string') return exports
  if (typeof exports !== 'object' || exports === null) return undefined
  const at = exports as Readonly<Record<string, unknown>>
  return mainOf(at['.'] ?? at.import ?? at.default)
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false
  )

/** URLs of plug-ins: of a file, or of a folder without a slash behind it. */
const lentTo = new Set<string>()

/** A plug-in's `@gradmesh/…` are the peer's own, wherever it lies: two copies of a package would not know each other. */
const lendOwnPackages = (place: string): void => {
  if (lentTo.size === 0)
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier.startsWith('@gradmesh/') && isLentTo(context.parentURL)
          ? next(specifier, { ...context, parentURL: import.meta.url })
          : next(specifier, context)
    })
  lentTo.add(pathToFileURL(place).href)
}

const isLentTo = (url = ''): boolean =>
  [...lentTo].some(place => url === place || url.startsWith(`${place}/`))
