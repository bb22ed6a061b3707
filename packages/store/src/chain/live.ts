/** What lies above the final blocks: proposals that may still become final, and the certificates a vote rests on. */
import { type Block, type Certificate, decodeCertificate } from '@gradmesh/wire'
import type { Database, Operation } from '../database.ts'
import { corrupt } from '../failures.ts'
import { allOf, numberAt, numbersOf } from '../keys.ts'
import { del, entriesSealed } from '../sealed.ts'
import type { Blocks } from './blocks.ts'
import { blockKey } from './keys.ts'
import { readAs } from './values.ts'

export interface Live {
  readonly blocks: Block[]
  readonly certificates: Certificate[]
}

/** By slot. */
export const readLive = async (database: Database, blocks: Blocks): Promise<Live> => {
  const live: Live = { blocks: [], certificates: [] }
  const liveBlock = (key: Uint8Array): string => `a live block of slot ${numberAt(key, 1)}`
  for await (const [key, value] of entriesSealed(database, allOf('l'), liveBlock)) {
    const height = numberAt(value, 0)
    const block = await blocks.byId(key.slice(5), height)
    if (block === undefined)
      throw corrupt(`the live block of slot ${numberAt(key, 1)}`, 'it is missing', height)
    live.blocks.push(block)
  }
  const certificate = (key: Uint8Array): string => `a certificate of slot ${numberAt(key, 1)}`
  for await (const [key, value] of entriesSealed(database, allOf('c'), certificate))
    live.certificates.push(readAs(decodeCertificate(value), certificate(key), null))
  return live
}

/** What takes out those of slots below; a block that became final stays, as one of those. */
export const liveRemovals = async (
  database: Database,
  blocks: Blocks,
  belowSlot: number
): Promise<Operation[]> => {
  const operations: Operation[] = []
  if (belowSlot === 0) return operations
  for await (const [key, value] of entriesSealed(
    database,
    numbersOf('l', 0, belowSlot - 1),
    () => 'a live block'
  )) {
    const id = key.slice(5)
    operations.push(del(key))
    if (!(await blocks.isFinal(id, numberAt(value, 0)))) operations.push(del(blockKey(id)))
  }
  for await (const [key] of database.entries(numbersOf('c', 0, belowSlot - 1))) operations.push(del(key))
  return operations
}
