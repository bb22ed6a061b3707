/** The data sets of `../shared/data` as folders that tasks read. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TaskOptions } from '@gradmesh/train'

const SHARED = fileURLToPath(new URL('../../../../shared/data/', import.meta.url))

interface Source {
  readonly task: string
  readonly options: TaskOptions
  readonly folder: string
}

const SOURCES = {
  'ner-btc': { task: 'entities', options: {}, folder: 'ner-btc' },
  'text-polarity': { task: 'sequences', options: {}, folder: 'text-polarity' },
  'text-clinc150': {
    task: 'sequences',
    options: { columns: 3, label: 1, text: 2, leaveOut: 'oos' },
    folder: 'text-clinc150'
  },
  fashion: { task: 'images', options: {}, folder: 'img-fashion-mnist' }
} as const satisfies Record<string, Source>

export type Name = keyof typeof SOURCES
export const NAMES = Object.keys(SOURCES) as Name[]

export const isPrepared = (name: Name): boolean => existsSync(join(SHARED, SOURCES[name].folder))

export const prepare = (name: Name): Source => ({
  ...SOURCES[name],
  folder: join(SHARED, SOURCES[name].folder)
})
