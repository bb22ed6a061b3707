/** Begins a chain in an empty database, or takes up the one that is there. */
import { equalBytes, sha256, toHex } from '@gradmesh/core'
import type { Database } from '../database.ts'
import { corrupt, storeError } from '../failures.ts'
import { beU32, numberAt } from '../keys.ts'
import { getSealed, put } from '../sealed.ts'
import type { ChainStore } from './chain-store.ts'
import { noError } from './error-buffer.ts'
import { BASE, FORMAT, GENESIS, HEAD } from './keys.ts'
import { OpenChain } from './open-chain.ts'
import { decodeHead, encodeHead } from './values.ts'

/** Rises when a folder of before can't be read any more. 2: a checkpoint's leaves lie in a file. 3: the error buffer does. */
const CHAIN_FORMAT = 3

/** Writes the genesis into an empty database. Code STORE_EXISTS when it holds another chain. */
export const createChain = async (database: Database, genesisBytes: Uint8Array): Promise<ChainStore> => {
  const held = await getSealed(database, GENESIS, 'the genesis', 0)
  if (held !== undefined && !equalBytes(held, genesisBytes)) {
    throw storeError('STORE_EXISTS', `this folder holds the chain ${toHex(sha256(held))}, another one`, {
      remedy: 'Choose another folder with --data, or join the mesh that this folder belongs to.'
    })
  }
  if (held === undefined) {
    const start = encodeHead({ height: 0, id: sha256(genesisBytes) })
    const first = [
      put(FORMAT, beU32(CHAIN_FORMAT)),
      put(GENESIS, genesisBytes),
      put(HEAD, start),
      put(BASE, start),
      noError()
    ]
    await database.batch(first, { sync: true })
  }
  return openChain(database)
}

/** Codes: STORE_MISSING when there is no chain, STORE_FORMAT, STORE_CORRUPT. */
export const openChain = async (database: Database): Promise<ChainStore> => {
  const genesis = await getSealed(database, GENESIS, 'the genesis', 0)
  const head = await getSealed(database, HEAD, 'the head')
  const base = await getSealed(database, BASE, 'the base')
  if (genesis === undefined && head === undefined) {
    throw storeError('STORE_MISSING', 'the database holds no chain', {
      remedy: 'Make a mesh with `gradmesh init`, or join one with `gradmesh join TICKET`.'
    })
  }
  if (genesis === undefined) throw corrupt('the genesis', 'it is missing', 0)
  const format = await getSealed(database, FORMAT, 'the format')
  if (format === undefined || numberAt(format, 0) !== CHAIN_FORMAT) {
    const held = format === undefined ? 'before 2' : numberAt(format, 0)
    throw storeError('STORE_FORMAT', `chain/ is of format ${held}, and this release reads ${CHAIN_FORMAT}`, {
      remedy:
        'Go on with the release that wrote it, or move `chain` away (keep `key` and `safety`) and start again: it is fetched from the mesh.',
      data: { reads: CHAIN_FORMAT }
    })
  }
  if (head === undefined || base === undefined) throw corrupt('the head', 'it is missing')
  return new OpenChain(database, genesis, decodeHead(head), decodeHead(base))
}
