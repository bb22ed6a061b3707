/** The connections of a peer. */
import {
  array,
  boolean,
  hex32,
  type Infer,
  integer,
  named,
  nullable,
  number,
  object,
  oneOf,
  text
} from '../schema.ts'
import { duration } from './units.ts'

export const peer = named(
  'Peer',
  object({
    key: hex32(),
    label: nullable(text()),
    address: text(),
    relay: nullable(
      hex32({ description: 'whose relay the connection goes through; null when it is direct' })
    ),
    direction: oneOf('inbound', 'outbound'),
    rttMs: nullable(duration('round-trip time')),
    score: number({ description: 'gossip score; negative is bad' }),
    graylisted: boolean({ description: 'its messages are no longer read' }),
    bytesSent: integer(),
    bytesReceived: integer()
  })
)
export type Peer = Infer<typeof peer>

export const peers = named('Peers', object({ peers: array(peer) }))
export type Peers = Infer<typeof peers>
