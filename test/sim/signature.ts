/**
 * A cheap stand-in for Ed25519: a keyed 64-bit hash in the manner of FNV, whose key only its owner's driver
 * uses. Like Ed25519 it is deterministic, and bytes that were not signed do not verify.
 */

import type { BlockRef } from '@gradmesh/consensus'
import { concatBytes, sha256, u32, u64, utf8 } from '@gradmesh/core'
import type { Certificate, Vote, VoteBody } from '@gradmesh/wire'
import type { SimBlock } from './types.ts'

const keyedHash = (signer: number, purpose: number, number: number, bytes: Uint8Array): Uint8Array => {
  let a = 0x811c9dc5 ^ Math.imul(signer + 1, 0x9e3779b1)
  let b = 0x01000193 ^ Math.imul(signer + 7, 0x85ebca6b)
  const mix = (word: number) => {
    a = Math.imul(a ^ word, 0x01000193)
    b = Math.imul((b << 5) ^ (b >>> 27) ^ word, 0xc2b2ae35)
  }
  mix(purpose)
  mix(number)
  for (const byte of bytes) mix(byte)
  const signature = new Uint8Array(8)
  const view = new DataView(signature.buffer)
  view.setInt32(0, a)
  view.setInt32(4, b)
  return signature
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((x, i) => x === b[i])

export const signVote = (validator: number, body: VoteBody): Vote => ({
  ...body,
  validator,
  signature: keyedHash(validator, body.kind, body.slot, body.blockId)
})

export const isSignedVote = ({ validator, kind, slot, blockId, signature }: Vote): boolean =>
  same(signature, keyedHash(validator, kind, slot, blockId))

export const isSignedCertificate = ({ kind, slot, blockId, bitmap, signatures }: Certificate): boolean => {
  let next = 0
  for (let validator = 0; validator < 8 * bitmap.length; validator++) {
    if ((bitmap[validator >> 3]! & (1 << (validator & 7))) === 0) continue
    const signature = signatures[next++]
    if (signature === undefined || !same(signature, keyedHash(validator, kind, slot, blockId))) return false
  }
  return next === signatures.length
}

const BLOCK = 9

/** `salt` tells two blocks apart that are otherwise alike. */
export const signBlock = (
  leader: number,
  block: Omit<BlockRef, 'id'>,
  valid: boolean,
  salt: number
): SimBlock => {
  const { slot, height, parentSlot, parentId, empty } = block
  const words = [leader, slot, height, parentSlot, empty ? 1 : 0, valid ? 1 : 0, salt].map(u32)
  const digest = sha256(concatBytes(...words), utf8(parentId))
  const id = Buffer.from(digest).toString('hex')
  return { ...block, id, leader, valid, signature: keyedHash(leader, BLOCK, slot, digest) }
}

export const isSignedBlock = ({ id, leader, slot, signature }: SimBlock): boolean =>
  same(signature, keyedHash(leader, BLOCK, slot, Buffer.from(id, 'hex')))

export const keyOf = (validator: number): Uint8Array => sha256(utf8('simulated key'), u64(validator))
