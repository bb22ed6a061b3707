/** A data set is a folder with one file to learn from and one held out; a mesh knows both by their content. */
import { join } from 'node:path'
import { MeshError, toHex } from '@gradmesh/core'
import { checkFile, fingerprint } from '@gradmesh/data'
import type { OptionReader } from './options.ts'

export interface DatasetFiles {
  readonly train: string
  readonly dev: string
}

export interface DatasetRoots {
  readonly train: Uint8Array
  readonly dev: Uint8Array
}

/** Code: `DATA_MISSING` when no folder was named. */
export const filesIn = (folder: string | null, ending: string): DatasetFiles => {
  if (folder === null)
    throw new MeshError('DATA_MISSING', 'this task learns from a data set, and no folder was named', {
      remedy: `name the folder that holds train.${ending} and dev.${ending} with --dataset DIR`
    })
  return { train: join(folder, `train.${ending}`), dev: join(folder, `dev.${ending}`) }
}

/** As options of the genesis. Codes: `DATA_MISSING`, `DATA_UNREADABLE`. */
export const foundDataset = async (files: DatasetFiles): Promise<{ train: string; dev: string }> => ({
  train: toHex((await fingerprint(files.train)).root),
  dev: toHex((await fingerprint(files.dev)).root)
})

export const readRoots = (options: OptionReader): DatasetRoots => ({
  train: options.root('train'),
  dev: options.root('dev')
})

/** Codes: `DATA_CHANGED`, `DATA_UNREADABLE`. */
export const checkDataset = async (files: DatasetFiles, roots: DatasetRoots): Promise<void> => {
  await checkFile(files.train, roots.train)
  await checkFile(files.dev, roots.dev)
}
