/**
 * A plug-in's files and their digest. A plug-in is one file, or a folder with a `package.json`: all files in it but
 * `node_modules` and what begins with a dot. The digest says what is in them and how they are called, not where they lie:
 * SHA-256 of "gradmesh/task-plugin/1" · for each file, by its path, the SHA-256 of the path and that of its content. The
 * path of a single file is empty, so that it may be renamed.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError, sha256, utf8 } from '@gradmesh/core'

const FILES_MAX = 4096
const BYTES_MAX = 64 * 1024 * 1024

export const CORRECT = 'correct the plug-in: docs/how-to/write-a-task.md says what a task has'

export const said = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

export const badPlugin = (place: string, what: string, remedy: string, cause?: unknown): MeshError =>
  new MeshError('TASK_PLUGIN', `${place}: ${what}`, { remedy, cause, data: { place } })

/** @throws MeshError `TASK_PLUGIN` */
export const pluginDigest = async (place: string): Promise<Uint8Array> => {
  const parts: Uint8Array[] = []
  let bytes = 0
  for (const path of await pathsIn(place)) {
    const content = await readFile(path === '' ? place : join(place, path))
    bytes += content.length
    if (bytes > BYTES_MAX) throw badPlugin(place, 'more than 64 MiB of files', 'publish the code alone')
    parts.push(sha256(utf8(path)), sha256(new Uint8Array(content)))
  }
  return sha256(utf8('gradmesh/task-plugin/1'), ...parts)
}

/** With forward slashes, sorted; a single file is ''. */
const pathsIn = async (place: string): Promise<readonly string[]> => {
  const found = await stat(place).catch(cause => {
    throw badPlugin(place, 'nothing is there, or it may not be read', 'check the path', cause)
  })
  if (found.isFile()) return ['']
  const paths: string[] = []
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(place, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) paths.push(path)
      if (paths.length > FILES_MAX)
        throw badPlugin(place, `more than ${FILES_MAX} files`, 'publish the code alone')
    }
  }
  await walk('')
  return paths.sort((a, b) => (a < b ? -1 : 1))
}
