/**
 * What gossip carries: a number (u32, little-endian), then the message. Libp2p signs nothing (`StrictNoSign`): our
 * messages are signed by their authors, and a second signature, by whoever published them, would be 110 bytes and a
 * check at every peer for nothing, since anybody may have a key.
 *
 * So a message's id follows from its bytes: nobody can take the id of another message, and a copy is told by one
 * digest. The number makes an equal message that is sent again a new one; it counts up from a random one.
 */
import { randomBytes } from 'node:crypto'
import { concatBytes, sha256, u32, utf8 } from '@gradmesh/core'

const NUMBER_BYTES = 4
const ID_BYTES = 20

/** What encloses the messages of one peer. */
export const envelopes = (): ((message: Uint8Array) => Uint8Array) => {
  let number = randomBytes(NUMBER_BYTES).readUInt32LE()
  return message => {
    number = (number + 1) >>> 0
    return concatBytes(u32(number), message)
  }
}

/** The message inside; of bytes that are too short for a number, an empty one. */
export const enclosed = (data: Uint8Array): Uint8Array => data.subarray(NUMBER_BYTES)

interface Published {
  readonly topic: string
  readonly data: Uint8Array
}

/** With the topic: else who publishes the same bytes elsewhere first would hide them here. */
export const messageId = ({ topic, data }: Published): Uint8Array =>
  sha256(utf8(`${topic}\0`), data).subarray(0, ID_BYTES)
