/**
 * Ed25519. What is valid is what ZIP-215 says, as `@noble/curves` implements it: every peer must agree
 * on crafted signatures too, and Ed25519 libraries do not. OpenSSL's check is stricter (no cofactor),
 * so its yes is a yes and, being several times faster, is asked first; its no is asked again of noble.
 * Signing is deterministic and gives the same bytes by either.
 *
 * A key of small order verifies signatures that nobody made. Such a key harms its owner alone.
 */
import { assert, concatBytes, remember, toHex, u64, utf8 } from '@gradmesh/core'
import { ed25519 } from '@noble/curves/ed25519.js'
import { assertBytes, assertUint, DIGEST_BYTES, KEY_BYTES, SIGNATURE_BYTES } from './binary.ts'
import type { PublicKey, Signature } from './types.ts'

export interface KeyPair {
  readonly publicKey: PublicKey
  /** The 32-byte seed of RFC 8032. */
  readonly secretKey: Uint8Array
}

type NodeCrypto = typeof import('node:crypto')
const native = globalThis.process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined

/** What stands before the 32 raw bytes in DER (RFC 8410): PKCS #8 for a seed, SPKI for a public key. */
const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)
const SPKI = Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0)

/** `seed`: 32 bytes that nobody can guess. */
export const keyPairFromSeed = (seed: Uint8Array): KeyPair => {
  assert(seed.length === KEY_BYTES, `a key seed has ${KEY_BYTES} bytes: ${seed.length}`)
  return { publicKey: ed25519.getPublicKey(seed), secretKey: Uint8Array.from(seed) }
}

/** Raw Ed25519; everything in the mesh is signed through `sign`, which separates domains. */
export const signBytes = (message: Uint8Array, { secretKey }: KeyPair): Signature => {
  if (native === undefined) return signBytesPortable(message, secretKey)
  const key = native.createPrivateKey({
    key: Buffer.concat([PKCS8, secretKey]),
    format: 'der',
    type: 'pkcs8'
  })
  return new Uint8Array(native.sign(null, message, key))
}

export const signBytesPortable = (message: Uint8Array, secretKey: Uint8Array): Signature =>
  ed25519.sign(message, secretKey)

/** Never throws: a key or signature of the wrong size or off the curve is simply not valid. */
export const verifyBytes = (message: Uint8Array, signature: Signature, publicKey: PublicKey): boolean =>
  signature.length === SIGNATURE_BYTES &&
  publicKey.length === KEY_BYTES &&
  (verifyBytesNative(message, signature, publicKey) || verifyBytesPortable(message, signature, publicKey))

/** OpenSSL's answer; false also where there is none. Every yes is a yes of `verifyBytesPortable`. */
export const verifyBytesNative = (
  message: Uint8Array,
  signature: Signature,
  publicKey: PublicKey
): boolean => {
  // Past a key of 32 bytes OpenSSL would not look: DER says how long it is.
  if (native === undefined || publicKey.length !== KEY_BYTES) return false
  try {
    return native.verify(null, message, keyObjectOf(native, publicKey), signature)
  } catch {
    return false
  }
}

/**
 * OpenSSL's own form of the public keys that were used last. Making one takes 29 of the 87 microseconds of a
 * verification, and the same validators and trainers sign again and again.
 */
const keyObjects = new Map<string, import('node:crypto').KeyObject>()
const KEY_OBJECTS_MAX = 1024

/** For who asks OpenSSL itself, on other threads; undefined for bytes that are no key to it. Its no is no answer: `verifyBytes`. */
export const openSslKey = (publicKey: PublicKey): import('node:crypto').KeyObject | undefined => {
  if (native === undefined || publicKey.length !== KEY_BYTES) return undefined
  try {
    return keyObjectOf(native, publicKey)
  } catch {
    return undefined
  }
}

const keyObjectOf = (crypto: NodeCrypto, publicKey: PublicKey): import('node:crypto').KeyObject => {
  const name = toHex(publicKey)
  const key =
    keyObjects.get(name) ??
    crypto.createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' })
  remember(keyObjects, name, key, KEY_OBJECTS_MAX)
  return key
}

/** The norm: ZIP-215. */
export const verifyBytesPortable = (
  message: Uint8Array,
  signature: Signature,
  publicKey: PublicKey
): boolean => {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: true })
  } catch {
    return false
  }
}

/** Whether the bytes are a point of the curve, and not one of the eight whose signatures prove nothing. */
export const isUsableKey = (publicKey: PublicKey): boolean => {
  try {
    return !ed25519.Point.fromBytes(publicKey).isSmallOrder()
  } catch {
    return false
  }
}

const PREFIX = utf8('mesh/v1/')

/**
 * What is signed: "mesh/v1/" · length of the domain u8 · domain · chain id (32) · epoch u64 · body.
 * Only the body varies in length and it comes last, so no two meanings share bytes.
 */
export const signingBytes = (...meaning: Parameters<typeof signingParts>): Uint8Array =>
  concatBytes(...signingParts(...meaning))

/** The same in pieces. */
export const signingParts = (
  domain: string,
  chainId: Uint8Array,
  epoch: number,
  body: Uint8Array
): readonly Uint8Array[] => {
  assertBytes(chainId, DIGEST_BYTES, 'chainId')
  assertUint(epoch, Number.MAX_SAFE_INTEGER, 'epoch')
  return [headOf(domain), chainId, u64(epoch), body]
}

/** Of the few domains that there are. */
const heads = new Map<string, Uint8Array>()

const headOf = (domain: string): Uint8Array => {
  const known = heads.get(domain)
  if (known !== undefined) return known
  const name = utf8(domain)
  assert(name.length < 256, `a signing domain has at most 255 bytes: ${domain}`)
  const head = concatBytes(PREFIX, Uint8Array.of(name.length), name)
  heads.set(domain, head)
  return head
}

export const sign = (
  domain: string,
  chainId: Uint8Array,
  epoch: number,
  body: Uint8Array,
  keyPair: KeyPair
): Signature => signBytes(signingBytes(domain, chainId, epoch, body), keyPair)

export const verify = (
  domain: string,
  chainId: Uint8Array,
  epoch: number,
  body: Uint8Array,
  signature: Signature,
  publicKey: PublicKey
): boolean => verifyBytes(signingBytes(domain, chainId, epoch, body), signature, publicKey)
