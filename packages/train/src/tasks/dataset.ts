/** A data set is a folder with files to learn from and files held out; a mesh knows each by its content. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MeshError, toHex } from '@gradmesh/core'
import { checkFile, fingerprint } from '@gradmesh/data'
import type { OptionReader } from './options.ts'

/** A file's name in the folder, by the option that holds its root. */
export type FileNames<Option extends string> = Readonly<Record<Option, string>>
export type FilePaths<Option extends string> = Readonly<Record<Option, string>>
export type FileRoots<Option extends string> = Readonly<Record<Option, Uint8Array>>

/** A file may also lie there packed, with `.gz` after its name. Code: `DATA_MISSING` when no folder was named. */
export const filesIn = <Option extends string>(
  folder: string | null,
  names: FileNames<Option>
): FilePaths<Option> => {
  if (folder === null)
    throw new MeshError('DATA_MISSING', 'this task learns from a data set, and no folder was named', {
      remedy: `name the folder that holds ${Object.values(names).join(', ')} with --dataset DIR`
    })
  return mapValues(names, name => {
    const path = join(folder, name)
    return existsSync(path) || !existsSync(`${path}.gz`) ? path : `${path}.gz`
  })
}

/** As options of the genesis. Code: `DATA_UNREADABLE`. */
export const foundRoots = async <Option extends string>(
  files: FilePaths<Option>
): Promise<Record<Option, string>> => {
  const found: [string, string][] = []
  for (const [option, path] of Object.entries<string>(files))
    found.push([option, toHex((await fingerprint(path)).root)])
  return Object.fromEntries(found) as Record<Option, string>
}

export const readRoots = <Option extends string>(
  options: OptionReader,
  names: FileNames<Option>
): FileRoots<Option> => mapValues(names, (_, option) => options.root(option))

export const rootOptions = <Option extends string>(roots: FileRoots<Option>): Record<Option, string> =>
  mapValues(roots, toHex)

/** Codes: `DATA_CHANGED`, `DATA_UNREADABLE`. */
export const checkFiles = async <Option extends string>(
  files: FilePaths<Option>,
  roots: FileRoots<Option>
): Promise<void> => {
  for (const option of Object.keys(files) as Option[]) await checkFile(files[option], roots[option])
}

const mapValues = <Option extends string, From, To>(
  record: Readonly<Record<Option, From>>,
  to: (value: From, option: Option) => To
): Record<Option, To> =>
  Object.fromEntries(
    Object.entries<From>(record).map(([option, value]) => [option, to(value, option as Option)])
  ) as Record<Option, To>
