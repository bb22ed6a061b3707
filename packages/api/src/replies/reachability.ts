/** Whether others can call a peer, and the ticket by which they find it. */
import { array, hex32, type Infer, integer, named, nullable, object, oneOf, text } from '../schema.ts'

export const REACHABILITIES = ['unknown', 'reachable', 'relayed', 'cut-off'] as const
const REACHES = ['host', 'site', 'world'] as const

export const reachability = named(
  'Reachability',
  object({
    state: oneOf(...REACHABILITIES),
    scope: nullable(oneOf(...REACHES)),
    relays: array(hex32({ description: 'public key of a peer that relays for this one' })),
    detail: text({ description: 'whether others can call this peer, in a sentence' }),
    remedy: nullable(text({ description: 'what to do about it' }))
  })
)
export type Reachability = Infer<typeof reachability>

export const ticket = named(
  'Ticket',
  object({
    ticket: text({ description: 'what `gradmesh join` takes' }),
    addresses: array(text({ description: 'multiaddr of this peer that the ticket names' })),
    reach: nullable(oneOf(...REACHES)),
    expiresAt: integer({ description: 'seconds since 1970' })
  })
)
export type Ticket = Infer<typeof ticket>
