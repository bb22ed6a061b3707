/** Forgets what lies below the base, block by block and delta by delta, each whole: a crash leaves what the next call takes. */
import { equalBytes } from '@gradmesh/core'
import type { Database } from '../database.ts'
import { numberAt, numbersOf } from '../keys.ts'
import { del, entriesSealed } from '../sealed.ts'
import { Batches } from './batches.ts'
import { removalOf } from './deltas.ts'
import { pendingDelta } from './error-buffer.ts'
import { blockKey, finalKey, receiptKey } from './keys.ts'
import { readReceipt } from './receipts.ts'
import type { Receipt } from './values.ts'

export const forgetBlocks = async (database: Database, belowHeight: number): Promise<void> => {
  const batches = new Batches(database)
  const index = numbersOf('h', 0, belowHeight - 1)
  for await (const [key, id] of entriesSealed(database, index, () => 'an index of heights')) {
    await batches.add([del(key), del(blockKey(id)), del(finalKey(numberAt(key, 1)))])
  }
  await batches.end()
}

/** With their receipts, but for those that `isKept` names and the own delta that the error buffer waits for. */
export const forgetDeltas = async (
  database: Database,
  belowRound: number,
  isKept: (receipt: Receipt) => boolean
): Promise<void> => {
  if (belowRound === 0) return
  const batches = new Batches(database)
  const awaited = await pendingDelta(database)
  for await (const [key] of database.entries(numbersOf('q', 0, belowRound - 1))) {
    const digest = key.slice(5)
    if (awaited !== null && equalBytes(digest, awaited)) continue
    const receipt = await readReceipt(database, digest)
    const isOwn = receipt !== undefined && isKept(receipt)
    await batches.add([...removalOf(key), ...(isOwn ? [] : [del(receiptKey(digest))])])
  }
  await batches.end()
}
