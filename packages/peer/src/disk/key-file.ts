/**
 * What the file `key` holds: the seed as 64 hexadecimal digits, or the seed sealed by a passphrase. Sealed:
 * one JSON object with the public key in the clear; scrypt makes the key of a ChaCha20-Poly1305 box, which
 * authenticates the public key and the parameters too.
 */
import { type CipherGCMTypes, createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { equalBytes, fromHex, MeshError, toHex } from '@gradmesh/core'
import { type KeyPair, keyPairFromSeed } from '@gradmesh/wire'

const FORMAT = 'gradmesh-key/1'
const CIPHER = 'chacha20-poly1305'
/** 128 MiB and about a second a guess. */
const COST = { N: 2 ** 17, r: 8, p: 1 } as const
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16

interface Sealed {
  readonly publicKey: Uint8Array
  readonly salt: Uint8Array
  readonly nonce: Uint8Array
  /** Ciphertext and tag. */
  readonly box: Uint8Array
}

export const plainText = (seed: Uint8Array): string => `${toHex(seed)}\n`

/** @returns the seed, the sealed form, or undefined for anything else. */
export const parseKeyFile = (text: string): Uint8Array | Sealed | undefined => {
  const seed = fromHex(text.trim())
  if (seed?.length === KEY_BYTES) return seed
  const fields = parse(text)
  if (fields?.format !== FORMAT || fields.cipher !== CIPHER || fields.kdf !== kdfName) return undefined
  const bytes = (name: string, length: number): Uint8Array | undefined => {
    const held = fields[name]
    const value = typeof held === 'string' ? fromHex(held) : undefined
    return value?.length === length ? value : undefined
  }
  const publicKey = bytes('publicKey', KEY_BYTES)
  const salt = bytes('salt', SALT_BYTES)
  const nonce = bytes('nonce', NONCE_BYTES)
  const box = bytes('box', KEY_BYTES + TAG_BYTES)
  return publicKey && salt && nonce && box ? { publicKey, salt, nonce, box } : undefined
}

/** Of either form; no passphrase is needed. */
export const publicKeyOf = (held: Uint8Array | Sealed): Uint8Array =>
  held instanceof Uint8Array ? keyPairFromSeed(held).publicKey : held.publicKey

const kdfName = `scrypt N=${COST.N} r=${COST.r} p=${COST.p}`

const parse = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** The text of a key file that nobody reads without the passphrase. */
export const sealSeed = async (seed: Uint8Array, passphrase: string): Promise<string> => {
  const { publicKey } = keyPairFromSeed(seed)
  const salt = randomBytes(SALT_BYTES)
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER as CipherGCMTypes, await stretched(passphrase, salt), nonce, {
    authTagLength: TAG_BYTES
  })
  cipher.setAAD(bound(publicKey))
  const box = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()])
  const fields = { format: FORMAT, publicKey, kdf: kdfName, salt, cipher: CIPHER, nonce, box }
  const shown = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : toHex(value)])
  )
  return `${JSON.stringify(shown)}\n`
}

/** @throws MeshError `KEY_PASSPHRASE` */
export const openSeed = async (sealed: Sealed, passphrase: string): Promise<KeyPair> => {
  const { publicKey, salt, nonce, box } = sealed
  const key = await stretched(passphrase, salt)
  const decipher = createDecipheriv(CIPHER as CipherGCMTypes, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(bound(publicKey))
  decipher.setAuthTag(box.subarray(KEY_BYTES))
  try {
    const seed = Buffer.concat([decipher.update(box.subarray(0, KEY_BYTES)), decipher.final()])
    const keys = keyPairFromSeed(new Uint8Array(seed))
    if (equalBytes(keys.publicKey, publicKey)) return keys
  } catch {
    // A wrong passphrase and a changed file look the same.
  }
  throw new MeshError('KEY_PASSPHRASE', 'this passphrase does not open the key', {
    remedy: 'Try again. Nobody can restore a forgotten passphrase; a backup of the plain key can be put back.'
  })
}

const bound = (publicKey: Uint8Array): Buffer =>
  Buffer.from(`${FORMAT}\n${kdfName}\n${CIPHER}\n${toHex(publicKey)}`)

const derive = promisify<string, Uint8Array, number, object, Buffer>(scrypt)

/** The same passphrase typed on another system is the same: Unicode's composed form. */
const stretched = (passphrase: string, salt: Uint8Array): Promise<Buffer> =>
  derive(passphrase.normalize('NFC'), salt, KEY_BYTES, { ...COST, maxmem: 256 * 2 ** 20 })
