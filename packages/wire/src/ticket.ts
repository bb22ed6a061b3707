/**
 * A ticket as one text to copy and paste:
 *
 *     gradmesh · protocol in decimal · base58btc with its multibase "z" of (dag-cbor list · checksum 4)
 *
 * The checksum is the start of SHA-256 over "gradmesh/ticket" · protocol u32 · dag-cbor, so a slip of
 * the finger is told apart from a ticket of another version. Base58 leaves out the letters that look
 * alike, and a double click selects the whole text.
 */
import { concatBytes, equalBytes, type Fault, fault, isFault, sha256, u32, utf8 } from '@gradmesh/core'
import { base58btc } from 'multiformats/bases/base58'
import { decodeBase58 } from './base58.ts'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import { counter, digest } from './fields.ts'
import { integer, list, text, tuple } from './shape.ts'
import { PROTOCOL_VERSION, type Ticket } from './types.ts'

export type TicketFault = 'TICKET_PREFIX' | 'TICKET_TYPO' | 'TICKET_PROTOCOL' | 'TICKET_SHAPE'

const FORM = /^gradmesh(\d{1,5})z(.+)$/
const CHECKSUM_BYTES = 4
const PROTOCOL_MAX = 0xffff

const codec = cborCodec<Ticket>({
  name: 'ticket',
  shape: tuple<Ticket>({
    protocol: integer(0, PROTOCOL_MAX),
    chainId: digest,
    addresses: list(text(BOUNDS.ticketAddressBytesMax), BOUNDS.ticketAddressesMax),
    height: counter,
    blockId: digest,
    validatorSetHash: digest,
    expiresAt: integer(0, Number.MAX_SAFE_INTEGER)
  }),
  bytesMax: BOUNDS.ticketTextMax,
  itemsMax: 64
})

const checksum = (protocol: number, body: Uint8Array): Uint8Array =>
  sha256(utf8('gradmesh/ticket'), u32(protocol), body).subarray(0, CHECKSUM_BYTES)

export const encodeTicket = (ticket: Ticket): string => {
  const body = codec.encode(ticket)
  return `gradmesh${ticket.protocol}${base58btc.encode(concatBytes(body, checksum(ticket.protocol, body)))}`
}

/**
 * White space is dropped: a terminal may have wrapped the text. Expiry is for `isExpired`.
 * Faults: TICKET_PREFIX, TICKET_TYPO, TICKET_PROTOCOL, TICKET_SHAPE.
 */
export const decodeTicket = (input: string): Ticket | Fault<TicketFault> => {
  if (input.length > BOUNDS.ticketTextMax) return fault('TICKET_PREFIX', 'far too long for a ticket')
  const form = FORM.exec(input.replace(/\s+/g, ''))
  if (form === null) return fault('TICKET_PREFIX', `a ticket starts with "gradmesh${PROTOCOL_VERSION}z"`)
  const protocol = Number(form[1])
  const bytes = decodeBase58(form[2]!)
  if (bytes === undefined) return fault('TICKET_TYPO', 'a letter that no ticket has')
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!equalBytes(bytes.subarray(-CHECKSUM_BYTES), checksum(protocol, body))) {
    return fault('TICKET_TYPO', 'the checksum does not match: letters are wrong or missing')
  }
  if (protocol !== PROTOCOL_VERSION) {
    return fault(
      'TICKET_PROTOCOL',
      `the ticket speaks protocol ${protocol}, this peer speaks ${PROTOCOL_VERSION}`
    )
  }
  const ticket = codec.decode(body)
  if (isFault(ticket)) return fault('TICKET_SHAPE', ticket.detail)
  return ticket.protocol === protocol ? ticket : fault('TICKET_SHAPE', 'two protocol versions in one ticket')
}

/** From the second of `expiresAt` on. */
export const isExpired = (ticket: Ticket, nowSeconds: number): boolean => nowSeconds >= ticket.expiresAt
