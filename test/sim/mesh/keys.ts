/**
 * Stands in for `packages/wire/src/keys.ts` in a simulation (`twins.ts` puts it there): keys that begin with
 * MARK sign with a keyed hash, a thousand times cheaper than Ed25519; all others sign as ever. Like Ed25519
 * it is deterministic, and bytes that were not signed do not verify. Only `sign` has use of it: what
 * pretends to be somebody else's signature has to be made without.
 */
import { assert, concatBytes, putU32, sha256, u32At } from '@gradmesh/core'
import {
  isUsableKey as isRealKey,
  type KeyPair,
  keyPairFromSeed as realKeyPair,
  sign as realSign,
  verify as realVerify,
  signingParts
} from '../../../packages/wire/src/keys.ts'

export * from '../../../packages/wire/src/keys.ts'

const MARK = Uint8Array.of(0x73, 0x69, 0x6d, 0x00)

const isMarked = (bytes: Uint8Array): boolean =>
  bytes[0] === MARK[0] && bytes[1] === MARK[1] && bytes[2] === MARK[2] && bytes[3] === MARK[3]

/** A seed whose key pair signs with the keyed hash. */
export const twinSeed = (name: Uint8Array): Uint8Array =>
  concatBytes(MARK, sha256(name).subarray(MARK.length))

export const keyPairFromSeed = (seed: Uint8Array): KeyPair =>
  isMarked(seed)
    ? { publicKey: concatBytes(MARK, sha256(seed).subarray(MARK.length)), secretKey: seed.slice() }
    : realKeyPair(seed)

export const isUsableKey = (publicKey: Uint8Array): boolean => isMarked(publicKey) || isRealKey(publicKey)

export const sign = (
  domain: string,
  chainId: Uint8Array,
  epoch: number,
  body: Uint8Array,
  keys: KeyPair
): Uint8Array => {
  if (!isMarked(keys.publicKey)) return realSign(domain, chainId, epoch, body, keys)
  const signature = new Uint8Array(64)
  const [a, b] = keyedHash(keys.publicKey, signingParts(domain, chainId, epoch, body))
  putU32(signature, 0, a)
  putU32(signature, 4, b)
  return signature
}

export const verify = (
  domain: string,
  chainId: Uint8Array,
  epoch: number,
  body: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array
): boolean => {
  if (!isMarked(publicKey)) return realVerify(domain, chainId, epoch, body, signature, publicKey)
  if (signature.length !== 64) return false
  const [a, b] = keyedHash(publicKey, signingParts(domain, chainId, epoch, body))
  if (u32At(signature, 0) !== a || u32At(signature, 4) !== b) return false
  for (let i = 8; i < signature.length; i++) if (signature[i] !== 0) return false
  return true
}

/** In the manner of FNV, two lanes of 32 bits. */
const keyedHash = (key: Uint8Array, message: readonly Uint8Array[]): [number, number] => {
  assert(key.length === 32, 'a key has 32 bytes')
  let a = 0x811c9dc5
  let b = 0x01000193
  for (const bytes of [key, ...message]) {
    for (let i = 0; i < bytes.length; i++) {
      a = Math.imul(a ^ bytes[i]!, 0x01000193)
      b = Math.imul(((b << 5) | (b >>> 27)) ^ bytes[i]!, 0xc2b2ae35)
    }
  }
  return [a >>> 0, b >>> 0]
}
