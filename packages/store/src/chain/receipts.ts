import { toHex } from '@gradmesh/core'
import type { Digest } from '@gradmesh/wire'
import type { Database } from '../database.ts'
import { getSealed } from '../sealed.ts'
import { receiptKey } from './keys.ts'
import { decodeReceipt, type Receipt } from './values.ts'

export const readReceipt = async (database: Database, digest: Digest): Promise<Receipt | undefined> => {
  const bytes = await getSealed(database, receiptKey(digest), `the receipt of the delta ${toHex(digest)}`)
  return bytes === undefined ? undefined : decodeReceipt(digest, bytes)
}
