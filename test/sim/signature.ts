/**
 * Two ways to sign in a simulation. The *twin* is a keyed 64-bit hash in the manner of FNV, whose key only its
 * owner's driver uses: like Ed25519 it is deterministic, and bytes that were not signed do not verify. The
 * *real* one is the mesh's own, each signature checked once and its verdict kept with its bytes.
 */

import type { BlockRef } from '@gradmesh/consensus'
import { concatBytes, sha256, toHex, u32, u64, utf8 } from '@gradmesh/core'
import {
  bitmapIndices,
  type Certificate,
  type KeyPair,
  keyPairFromSeed,
  sign,
  signVote,
  type Vote,
  type VoteBody,
  verify,
  verifyVote
} from '@gradmesh/wire'
import type { SimBlock } from './types.ts'

export interface Signatures {
  signVote(validator: number, body: VoteBody): Vote
  isSignedVote(vote: Vote): boolean
  signId(leader: number, slot: number, id: Uint8Array): Uint8Array
  isSignedId(leader: number, slot: number, id: Uint8Array, signature: Uint8Array): boolean
}

// ---------------------------------------------------------------- the twin

const keyedHash = (signer: number, purpose: number, number: number, bytes: Uint8Array): [number, number] => {
  let a = 0x811c9dc5 ^ Math.imul(signer + 1, 0x9e3779b1)
  let b = 0x01000193 ^ Math.imul(signer + 7, 0x85ebca6b)
  const mix = (word: number) => {
    a = Math.imul(a ^ word ^ (a >>> 15), 0x01000193)
    b = Math.imul((b << 5) ^ (b >>> 27) ^ word, 0xc2b2ae35)
  }
  mix(purpose)
  mix(number)
  for (let i = 0; i < bytes.length; i += 4) {
    mix(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
  }
  return [a, b]
}

const toBytes = ([a, b]: [number, number]): Uint8Array =>
  Uint8Array.of(a, a >> 8, a >> 16, a >> 24, b, b >> 8, b >> 16, b >> 24)

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

const isHash = (signature: Uint8Array, [a, b]: [number, number]): boolean =>
  signature.length === 8 && wordAt(signature, 0) === a && wordAt(signature, 4) === b

const BLOCK = 9

export const twinSignatures: Signatures = {
  signVote: (validator, body) => ({
    ...body,
    validator,
    signature: toBytes(keyedHash(validator, body.kind, body.slot, body.blockId))
  }),
  isSignedVote: ({ validator, kind, slot, blockId, signature }) =>
    isHash(signature, keyedHash(validator, kind, slot, blockId)),
  signId: (leader, slot, id) => toBytes(keyedHash(leader, BLOCK, slot, id)),
  isSignedId: (leader, slot, id, signature) => isHash(signature, keyedHash(leader, BLOCK, slot, id))
}

// ---------------------------------------------------------------- the real one

const keyPairs: KeyPair[] = []
const keyPairOf = (validator: number): KeyPair => {
  keyPairs[validator] ??= keyPairFromSeed(sha256(utf8('simulated key'), u64(validator)))
  return keyPairs[validator]
}

export const keyOf = (validator: number): Uint8Array => keyPairOf(validator).publicKey

const CHAIN_ID = sha256(utf8('simulated mesh'))
const DOMAIN = 'simulated-block'

/** For one run: what it knows of a signature lives as long as the bytes. */
export const realSignatures = (): Signatures => {
  const verdicts = new WeakMap<Uint8Array, Map<string, boolean>>()
  const once = (signature: Uint8Array, meaning: string, check: () => boolean): boolean => {
    const known = verdicts.get(signature) ?? new Map<string, boolean>()
    verdicts.set(signature, known)
    const verdict = known.get(meaning) ?? check()
    known.set(meaning, verdict)
    return verdict
  }
  return {
    signVote: (validator, body) => signVote(body, validator, CHAIN_ID, keyPairOf(validator)),
    isSignedVote: vote =>
      once(vote.signature, `${vote.validator}/${vote.slot}/${vote.kind}/${toHex(vote.blockId)}`, () => {
        const keys = []
        keys[vote.validator] = keyOf(vote.validator)
        return verifyVote(vote, keys, CHAIN_ID)
      }),
    signId: (leader, slot, id) => sign(DOMAIN, CHAIN_ID, slot, id, keyPairOf(leader)),
    isSignedId: (leader, slot, id, signature) =>
      once(signature, `${leader}/${slot}/${toHex(id)}`, () =>
        verify(DOMAIN, CHAIN_ID, slot, id, signature, keyOf(leader))
      )
  }
}

// ---------------------------------------------------------------- what both carry

export const isSignedCertificate = (
  signatures: Signatures,
  { epoch, kind, slot, blockId, bitmap, signatures: given }: Certificate
): boolean => {
  const signers = bitmapIndices(bitmap)
  if (signers.length !== given.length) return false
  return signers.every((validator, i) =>
    signatures.isSignedVote({ epoch, kind, slot, blockId, validator, signature: given[i]! })
  )
}

/** `salt` tells two blocks apart that are otherwise alike. */
export const signBlock = (
  signatures: Signatures,
  leader: number,
  block: Omit<BlockRef, 'id'>,
  valid: boolean,
  salt: number
): SimBlock => {
  const { slot, height, parentSlot, parentId, empty, boundary } = block
  const words = [
    leader,
    slot,
    height,
    parentSlot,
    (empty ? 1 : 0) + (boundary ? 2 : 0),
    valid ? 1 : 0,
    salt
  ].map(u32)
  const digest = sha256(concatBytes(...words), utf8(parentId))
  return { ...block, id: toHex(digest), leader, valid, signature: signatures.signId(leader, slot, digest) }
}

export const isSignedBlock = (signatures: Signatures, { id, leader, slot, signature }: SimBlock): boolean =>
  signatures.isSignedId(leader, slot, Buffer.from(id, 'hex'), signature)
