/** Every decoder of bytes or text from outside: where its first inputs come from, and what its answer must be. */
import { concatBytes, fault, isFault, sha256, utf8 } from '@gradmesh/core'
import { decodeDelta, encodeDelta } from '@gradmesh/delta'
import { decodeAccounts, encodeAccounts } from '@gradmesh/ledger'
import { BOUNDS, decodeTicket, encodeTicket } from '@gradmesh/wire'
import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { readParameters } from '../../packages/api/src/check.ts'
import { routes } from '../../packages/api/src/routes.ts'
import { randomDelta, smallLayout } from '../../packages/delta/test/fixtures/values.ts'
import { historyOf } from '../../packages/ledger/test/fixtures/history.ts'
import { decodePeers, PEERS_REPLY_BYTES_MAX } from '../../packages/net/src/libp2p/exchange.ts'
import { codecs, ticket } from '../../packages/wire/test/fixtures/messages.ts'
import { commandLineTargets } from './command-line.ts'
import { crowded } from './crowded.ts'
import { keyFileTargets } from './key-files.ts'

export interface Target {
  readonly name: string
  readonly samples: readonly Uint8Array[]
  /** Mutation makes nothing longer. */
  readonly bytesMax: number
  decode(bytes: Uint8Array): unknown
  isRefusal(answer: unknown): boolean
  /** The one encoding of what was decoded; null where there is none to compare. */
  encode: ((value: never) => Uint8Array) | null
  /** What an answer may keep alive besides four times its input, where it has a size that no input changes. */
  readonly memoryFixedBytes?: number
  /** Makes digests inside fit again, so that a mutation gets past them. */
  readonly repair?: (bytes: Uint8Array) => Uint8Array
}

const SAMPLES = 16
const BYTES_MAX = 16_384

const sampled = <T>(arbitrary: fc.Arbitrary<T>): T[] => fc.sample(arbitrary, { seed: 1, numRuns: SAMPLES })

/** Past the 176 bytes of header and signature stands the payload; its hash at 80. */
const repairDelta = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length <= 176) return bytes
  const repaired = Uint8Array.from(bytes)
  new DataView(repaired.buffer).setUint32(12, bytes.length - 176, true)
  repaired.set(sha256(bytes.subarray(176)), 80)
  return repaired
}

const repairBlock = (bytes: Uint8Array): Uint8Array => {
  try {
    const block = dagCbor.decode<{ header: { bodyHash: unknown }; body: unknown }>(bytes)
    block.header.bodyHash = sha256(dagCbor.encode(block.body))
    return dagCbor.encode(block)
  } catch {
    return bytes
  }
}

const repairs: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  SignedDelta: repairDelta,
  Block: repairBlock
}

/** Good inputs: some small ones, and crowded ones. */
const withCrowded = (name: string, small: readonly Uint8Array[]): readonly Uint8Array[] => [
  ...small,
  ...(crowded[name]?.(small) ?? [])
]

const messages = codecs.map(({ name, arbitrary, encode, decode }): Target => {
  const repair = repairs[name]
  return {
    name,
    samples: withCrowded(
      name,
      sampled(arbitrary as fc.Arbitrary<unknown>).map(message => encode(message as never))
    ),
    bytesMax: BYTES_MAX,
    decode,
    isRefusal: isFault,
    encode: encode as (value: never) => Uint8Array,
    ...(repair && { repair })
  }
})

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** Two encodings of one ticket are white space apart, which a terminal may have put there. */
const tickets: Target = {
  name: 'Ticket',
  samples: sampled(ticket).map(value => utf8(encodeTicket(value))),
  bytesMax: BOUNDS.ticketTextMax + 64,
  decode: bytes => {
    const text = latin1(bytes)
    const value = decodeTicket(text)
    return isFault(value) ? value : { value, plain: text.replace(/\s+/g, '') }
  },
  isRefusal: isFault,
  encode: null
}

const canonicalTickets: Target = {
  ...tickets,
  name: 'TicketText',
  decode: bytes => {
    const text = latin1(bytes)
    return /\s/.test(text) ? fault('TICKET_TYPO', 'white space is for the other target') : decodeTicket(text)
  },
  encode: (value: never) => utf8(encodeTicket(value))
}

const deltas: Target = {
  name: 'DeltaPayload',
  samples: Array.from({ length: SAMPLES }, (_, i) =>
    encodeDelta(smallLayout, randomDelta(smallLayout, `fuzz ${i}`, 8 + i))
  ),
  bytesMax: BYTES_MAX,
  decode: bytes => decodeDelta(smallLayout, bytes),
  isRefusal: isFault,
  encode: (value: never) => encodeDelta(smallLayout, value)
}

const accounts: Target = {
  name: 'Accounts',
  samples: withCrowded(
    'Accounts',
    historyOf().states.map(state => encodeAccounts(state.accounts))
  ),
  bytesMax: BYTES_MAX,
  decode: decodeAccounts,
  isRefusal: isFault,
  encode: encodeAccounts as (value: never) => Uint8Array
}

const peers: Target = {
  name: 'PeerRecords',
  samples: withCrowded('PeerRecords', [
    Uint8Array.of(0),
    concatBytes(Uint8Array.of(1), sha256(utf8('a')), Uint8Array.of(150, 0), new Uint8Array(150)),
    concatBytes(
      Uint8Array.of(2),
      ...['b', 'c'].flatMap(name => [sha256(utf8(name)), Uint8Array.of(200, 0), new Uint8Array(200).fill(7)])
    )
  ]),
  bytesMax: PEERS_REPLY_BYTES_MAX,
  decode: decodePeers,
  isRefusal: answer => answer === undefined,
  encode: (known: never) =>
    concatBytes(
      Uint8Array.of((known as Known[]).length),
      ...(known as Known[]).flatMap(({ key, record }) => [
        Buffer.from(key, 'hex'),
        Uint8Array.of(record.length & 0xff, record.length >>> 8),
        record
      ])
    )
}

interface Known {
  readonly key: string
  readonly record: Uint8Array
}

const queries: Target = {
  name: 'HttpParameters',
  samples: ['from=1&limit=20', 'state=active', 'before=00012&limit=-1', 'limit=1e3&limit=2'].map(utf8),
  bytesMax: 4_096,
  decode: bytes => {
    const given = Object.fromEntries(new URLSearchParams(latin1(bytes)))
    return Object.values(routes).map(({ query, params }) => ({
      query: readParameters(query ?? {}, given),
      params: readParameters(params ?? {}, given)
    }))
  },
  isRefusal: () => false,
  encode: null,
  // Every route reads it.
  memoryFixedBytes: 32_768
}

export const targets: readonly Target[] = [
  ...messages,
  tickets,
  canonicalTickets,
  deltas,
  accounts,
  peers,
  queries,
  ...commandLineTargets,
  ...keyFileTargets
]
