/** What of the disk goes to which kind of value. */
import type { Database } from '../database.ts'
import { allOf } from '../keys.ts'
import { ERROR_FILE } from './error-buffer.ts'

/** The letters of the keys of each kind that grows; `other`: the rest, the newest few megabytes in the log too. */
const DISK_KINDS = {
  blocks: 'bfh',
  deltas: 'diq',
  receipts: 'r',
  checkpoints: 'k',
  errorBuffer: 'E'
} as const
export type DiskKind = keyof typeof DISK_KINDS | 'other'

/** About how many bytes of the disk each kind takes. */
export const sizesOf = async (database: Database): Promise<Readonly<Record<DiskKind, number>>> => {
  const sizes = { blocks: 0, deltas: 0, receipts: 0, checkpoints: 0, errorBuffer: 0, other: 0 }
  let counted = 0
  for (const [kind, letters] of Object.entries(DISK_KINDS) as [keyof typeof DISK_KINDS, string][]) {
    for (const letter of letters) sizes[kind] += await database.sizeOf(allOf(letter))
    counted += sizes[kind]
  }
  for (const name of await database.files.names()) {
    const bytes = (await database.files.size(name)) ?? 0
    sizes[ERROR_FILE.test(name) ? 'errorBuffer' : 'checkpoints'] += bytes
    counted += bytes
  }
  sizes.other = Math.max(0, (await database.sizeOf()) - counted)
  return sizes
}
