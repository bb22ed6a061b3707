/**
 * What commits to the state. One leaf a chunk of weights (16 KiB at 4,096 entries), int32 little-endian;
 * the leaves form a tree as in RFC 6962 section 2.1 (leaf prefix 0, node prefix 1); the state root
 * hashes that tree's root together with the accounts. A joiner checks each chunk that it downloads on
 * its own, whoever sent it.
 */
import { assert, equalBytes, type Fault, fault, sha256, utf8 } from '@gradmesh/core'
import { type Layout, paddedLength } from '@gradmesh/delta'
import { type Digest, DigestList, leafDigest } from '@gradmesh/wire'
import { encodeRegistry } from './accounts.ts'
import type { LedgerFault } from './faults.ts'
import { decodeSets, encodeSets, setsDigest } from './sets.ts'
import type { Accounts, PackedAccounts, Sets } from './types.ts'

const NODE = Uint8Array.of(1)
const STATE = utf8('mesh/v2/state')

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** The words as little-endian bytes; a view of them where the machine is little-endian itself. */
const bytesOf = (words: Int32Array): Uint8Array => {
  if (isLittleEndian) return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
  const bytes = new Uint8Array(words.byteLength)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < words.length; i++) view.setInt32(4 * i, words[i]!, true)
  return bytes
}

/** What the genesis names published base weights by: SHA-256 over int32 little-endian, unpadded. */
export const tensorDigest = (values: Int32Array): Digest => sha256(bytesOf(values))

const leafOf = (layout: Layout, weights: Int32Array, index: number): Int32Array =>
  weights.subarray(index * layout.chunk, (index + 1) * layout.chunk)

/** One digest a chunk of the padded weights. */
export const leafDigests = (layout: Layout, weights: Int32Array): DigestList => {
  assert(weights.length === paddedLength(layout), 'the weights have the layout')
  return DigestList.from(
    Array.from({ length: layout.chunks }, (_, c) => leafDigest(bytesOf(leafOf(layout, weights, c))))
  )
}

/** The same, where most of `after` equals `before`, whose digests are known: hashes only what differs. */
export const updatedLeafDigests = (
  layout: Layout,
  before: { readonly weights: Int32Array; readonly leaves: DigestList },
  after: Int32Array
): DigestList =>
  DigestList.from(
    before.leaves.map((digest, c) => {
      const words = leafOf(layout, after, c)
      return isSame(leafOf(layout, before.weights, c), words) ? digest : leafDigest(bytesOf(words))
    })
  )

const isSame = (a: Int32Array, b: Int32Array): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** The tree's root over leaf digests, at least one. */
export const treeRoot = (leaves: DigestList): Digest => {
  assert(leaves.length > 0, 'a tree has at least one leaf')
  return rootOver(leaves, 0, leaves.length)
}

const rootOver = (leaves: DigestList, start: number, end: number): Digest => {
  if (end - start === 1) return leaves.part(start)
  let split = 1
  while (2 * split < end - start) split *= 2
  return sha256(NODE, rootOver(leaves, start, start + split), rootOver(leaves, start + split, end))
}

export const stateRoot = (accounts: PackedAccounts, leaves: DigestList): Digest =>
  sha256(STATE, setsDigest(accounts), registryDigest(accounts), treeRoot(leaves))

const registryDigest = (accounts: PackedAccounts): Digest => sha256(encodeRegistry(accounts))

/** What shows somebody the sets that a header commits to: about 12 KiB at most, whatever the registry and the model. */
export interface SetsProof {
  readonly sets: Uint8Array
  readonly registry: Digest
  readonly weights: Digest
}

export const setsProofOf = (accounts: Accounts, leaves: DigestList): SetsProof => ({
  sets: encodeSets(accounts),
  registry: registryDigest(accounts),
  weights: treeRoot(leaves)
})

/** The sets of the state with this root. Faults: LEDGER_SETS, LEDGER_SETS_ROOT. */
export const provenSets = (
  { sets, registry, weights }: SetsProof,
  root: Digest
): Sets | Fault<LedgerFault> =>
  equalBytes(sha256(STATE, sha256(sets), registry, weights), root)
    ? decodeSets(sets)
    : fault('LEDGER_SETS_ROOT')

/** The words of one downloaded leaf. Faults: LEDGER_LEAF_LENGTH, LEDGER_LEAF_DIGEST. */
export const verifyLeaf = (
  layout: Layout,
  leaves: DigestList,
  index: number,
  bytes: Uint8Array
): Int32Array | Fault<LedgerFault> => {
  const digest = leaves.at(index)
  if (digest === undefined || bytes.length !== 4 * layout.chunk) {
    return fault('LEDGER_LEAF_LENGTH', `leaf ${index}: ${bytes.length} bytes`)
  }
  if (!equalBytes(leafDigest(bytes), digest)) return fault('LEDGER_LEAF_DIGEST', `leaf ${index}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Int32Array.from({ length: layout.chunk }, (_, i) => view.getInt32(4 * i, true))
}
