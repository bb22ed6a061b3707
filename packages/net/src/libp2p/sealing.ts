/**
 * Noise as libp2p has it, but for how long messages are sealed and opened: in one stretch, with one key object a key,
 * and with memory that is given back at once. V8 counts buffers as part of its heap, so that tens of megabytes of them,
 * each dead within a millisecond, have it look through the whole heap again and again: in a source of checkpoints that
 * cost more than the cipher.
 *
 * Memory that is given back has no bytes any more for whoever still holds it, so it must be known who does:
 *
 *   sealed    made here. A list of Noise's and the socket alone have it, and the socket until it calls back. Over a relay it
 *             never comes to a socket: the connection to the relay seals it once more, into memory of its own.
 *   read      made by a socket after the handshake. Noise alone has it, message after message in order, and lets go
 *             of a message before it is opened. So nobody has it once the message that reaches its end was opened: what
 *             was opened never lies in it, for nothing is opened in place, which libp2p does with short messages.
 *   joined    Noise's copy of a message that lay in several pieces, which it makes for the one call.
 */
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto'
import type { Socket } from 'node:net'
import { once } from '@gradmesh/core'
import { type ICryptoInterface, noise } from '@libp2p/noise'
import { defaultCrypto } from '@libp2p/noise/crypto'

type Seal = ICryptoInterface['chaCha20Poly1305Encrypt']
type Open = ICryptoInterface['chaCha20Poly1305Decrypt']

const ALGORITHM = 'chacha20-poly1305'
const TAG_BYTES = 16
const OPTIONS = { authTagLength: TAG_BYTES }
/** From here on libp2p takes Node's cipher too. */
const LONG_BYTES = 1200
const MESSAGE_BYTES_MAX = 65_535

export const sealing = (): ReturnType<typeof noise> =>
  noise({ crypto: { ...defaultCrypto, chaCha20Poly1305Encrypt: seal, chaCha20Poly1305Decrypt: open } })

/** A connection has the same bytes for its key as long as it lives. */
const keyObject = once((bytes: Uint8Array) => createSecretKey(bytes))

/** Where the parts of a message are put together; used within one call. */
const whole = new Uint8Array(MESSAGE_BYTES_MAX)

const sealed = new WeakSet<ArrayBufferLike>()
const read = new WeakSet<ArrayBufferLike>()

/** Handshakes alone have additional data. */
const seal: Seal = (plain, nonce, ad, key) => {
  const length = plain.byteLength
  if (plain instanceof Uint8Array || length < LONG_BYTES || length > whole.length || ad.length > 0)
    return defaultCrypto.chaCha20Poly1305Encrypt(plain, nonce, ad, key)
  let at = 0
  for (const part of plain) {
    whole.set(part, at)
    at += part.length
  }
  const cipher = createCipheriv(ALGORITHM, keyObject(key), nonce, OPTIONS)
  const bytes = cipher.update(whole.subarray(0, length))
  cipher.final()
  if (hasItsMemoryAlone(bytes)) sealed.add(bytes.buffer)
  const list = plain.sublist(0, 0)
  list.append(bytes, cipher.getAuthTag())
  return list
}

/** @param room libp2p opens into it: where the sealed bytes lie, or a copy of them where they came in pieces. */
const open: Open = (message, nonce, ad, key, room) => {
  if (room === undefined || message.byteLength < LONG_BYTES || ad.length > 0)
    return defaultCrypto.chaCha20Poly1305Decrypt(message, nonce, ad, key)
  const decipher = createDecipheriv(ALGORITHM, keyObject(key), nonce, OPTIONS)
  decipher.setAuthTag(message.subarray(room.length))
  const plain = decipher.update(room)
  decipher.final()
  const parts = message instanceof Uint8Array ? [message] : [...message]
  if (parts.every(({ buffer }) => buffer !== room.buffer) && hasItsMemoryAlone(room)) free(room.buffer)
  for (const { buffer, byteOffset, byteLength } of parts)
    if (byteOffset + byteLength === buffer.byteLength && read.has(buffer)) free(buffer)
  return plain
}

/** Of a socket whose handshake is over: from here on Noise alone reads it and writes to it. */
export const giveBackMemory = (socket: Socket): void => {
  socket.prependListener('data', (bytes: Buffer) => {
    if (hasItsMemoryAlone(bytes)) read.add(bytes.buffer)
  })
  const write = socket.write.bind(socket) as (bytes: Uint8Array | string, ...rest: unknown[]) => boolean
  socket.write = (bytes: Uint8Array | string, ...rest: unknown[]): boolean =>
    typeof bytes !== 'string' && rest.length === 0 && hasItsMemoryAlone(bytes) && sealed.has(bytes.buffer)
      ? write(bytes, () => free(bytes.buffer))
      : write(bytes, ...rest)
}

/** Short ones share a pool. */
const hasItsMemoryAlone = ({ buffer, byteLength }: Uint8Array): boolean => byteLength === buffer.byteLength

const free = (buffer: ArrayBufferLike): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
