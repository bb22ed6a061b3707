/**
 * Noise as libp2p has it, but for how long messages are sealed and opened: in one stretch, with one key object a
 * connection, and with memory that is given back at once. V8 counts buffers as part of its heap, so that tens of
 * megabytes of them, each dead within a millisecond, have it look through the whole heap again and again: in a source of
 * checkpoints that cost more than the cipher.
 *
 * What is given back is what nobody else can see: what Noise made for a socket, once the socket has taken it; what a
 * socket has read, once Noise has opened the last message in it; and Noise's copy of a message that came in parts.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { Socket } from 'node:net'
import { type ICryptoInterface, noise } from '@libp2p/noise'

type Encrypt = ICryptoInterface['chaCha20Poly1305Encrypt']
type Decrypt = ICryptoInterface['chaCha20Poly1305Decrypt']
type Secured = ReturnType<ReturnType<typeof noise>>
type Ciphers = { readonly crypto: { encrypt: Encrypt; decrypt: Decrypt } }

const ALGORITHM = 'chacha20-poly1305'
const TAG_BYTES = 16
const OPTIONS = { authTagLength: TAG_BYTES }
/** Shorter messages go libp2p's way. */
const LONG_BYTES = 4096
/** Of a Noise message. */
const MESSAGE_BYTES_MAX = 65_535

export const sealing = (): ReturnType<typeof noise> => components => {
  const secured = noise()(components) as Secured & Ciphers
  const { encrypt, decrypt } = secured.crypto
  Object.assign(secured.crypto, { encrypt: sealLong(encrypt), decrypt: openLong(decrypt) })
  return secured
}

/** Where the parts of a message are put together; used within one call. */
const whole = new Uint8Array(MESSAGE_BYTES_MAX)

const keys = new WeakMap<Uint8Array, KeyObject>()
const keyObject = (bytes: Uint8Array): KeyObject => {
  const known = keys.get(bytes)
  if (known !== undefined) return known
  const key = createSecretKey(bytes)
  keys.set(bytes, key)
  return key
}

const sealLong =
  (otherwise: Encrypt): Encrypt =>
  (plain, nonce, ad, key) => {
    const length = plain.byteLength
    if (plain instanceof Uint8Array || length < LONG_BYTES || length > whole.length || ad.length > 0)
      return otherwise(plain, nonce, ad, key)
    let at = 0
    for (const part of plain) {
      whole.set(part, at)
      at += part.length
    }
    const cipher = createCipheriv(ALGORITHM, keyObject(key), nonce, OPTIONS)
    const sealed = plain.sublist(0, 0)
    sealed.append(cipher.update(whole.subarray(0, length)))
    cipher.final()
    sealed.append(cipher.getAuthTag())
    return sealed
  }

const openLong =
  (otherwise: Decrypt): Decrypt =>
  (sealed, nonce, ad, key, copy) => {
    if (copy === undefined || copy.length < LONG_BYTES || ad.length > 0)
      return otherwise(sealed, nonce, ad, key, copy)
    const decipher = createDecipheriv(ALGORITHM, keyObject(key), nonce, OPTIONS)
    decipher.setAuthTag(sealed.subarray(copy.length))
    const plain = decipher.update(copy)
    decipher.final()
    const parts = sealed instanceof Uint8Array ? [sealed] : [...sealed]
    if (parts.every(({ buffer }) => buffer !== copy.buffer)) giveBack(copy)
    for (const part of parts) if (isLastOf(part) && read.has(part.buffer)) giveBack(part)
    return plain
  }

/** What sockets have read. */
const read = new WeakSet<ArrayBufferLike>()

/** A socket under Noise: nobody else reads it or writes to it. */
export const giveBackMemory = (socket: Socket): void => {
  socket.prependListener('data', (bytes: Buffer) => void read.add(bytes.buffer))
  const write = socket.write.bind(socket) as (bytes: Uint8Array, onTaken: () => void) => boolean
  socket.write = (bytes: Uint8Array | string, ...rest: never[]): boolean =>
    typeof bytes === 'string' || bytes.length < LONG_BYTES || rest.length > 0
      ? write(bytes as Uint8Array, ...(rest as unknown as [() => void]))
      : write(bytes, () => giveBack(bytes))
}

const isLastOf = ({ buffer, byteOffset, byteLength }: Uint8Array): boolean =>
  byteOffset + byteLength === buffer.byteLength

/** Only where the whole buffer is meant. */
const giveBack = (bytes: Uint8Array): void => {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && isLastOf(bytes)) buffer.transfer(0)
}
