/** What happens to a peer, as it happens. */
import {
  anyOf,
  boolean,
  describe,
  hex32,
  type Infer,
  integer,
  literal,
  named,
  nullable,
  number,
  object,
  oneOf,
  text
} from '../schema.ts'
import { outcome } from './receipt.ts'
import { phase, status } from './status.ts'
import { wallMs } from './units.ts'

export const roundEvent = named(
  'RoundEvent',
  object({
    type: literal('round'),
    round: integer({ description: 'the round that closed' }),
    height: integer(),
    loss: nullable(number()),
    score: nullable(number()),
    deltas: integer({ description: 'accepted' }),
    samples: integer({ description: 'credited to the round, all trainers together' }),
    stateRoot: hex32(),
    at: wallMs('when this peer applied it')
  })
)
export type RoundEvent = Infer<typeof roundEvent>

export const finalEvent = named(
  'FinalEvent',
  object({
    type: literal('final'),
    height: integer(),
    slot: integer(),
    id: hex32(),
    round: integer(),
    empty: boolean(),
    deltas: integer(),
    finalityMs: nullable(number({ minimum: 0 }))
  })
)
export type FinalEvent = Infer<typeof finalEvent>

export const peerEvent = named(
  'PeerEvent',
  object({
    type: literal('peer'),
    change: oneOf('connected', 'disconnected', 'graylisted'),
    key: hex32(),
    address: nullable(text())
  })
)
export type PeerEvent = Infer<typeof peerEvent>

export const deltaEvent = named(
  'DeltaEvent',
  object({
    type: literal('delta'),
    digest: hex32(),
    trainer: hex32(),
    own: boolean({ description: "this peer's" }),
    round: integer(),
    outcome,
    bytes: nullable(integer()),
    code: nullable(text())
  })
)
export type DeltaEvent = Infer<typeof deltaEvent>

export const phaseEvent = named(
  'PhaseEvent',
  object({ type: literal('phase'), phase, before: phase, reason: nullable(text()) })
)
export type PhaseEvent = Infer<typeof phaseEvent>

export const statusEvent = named('StatusEvent', object({ type: literal('status'), status }))
export type StatusEvent = Infer<typeof statusEvent>

export const gapEvent = named(
  'GapEvent',
  object(
    { type: literal('gap') },
    { description: 'events were lost between `Last-Event-ID` and the next event: read the state anew' }
  )
)
export type GapEvent = Infer<typeof gapEvent>

/** What happened to the peer; the server adds `status` and `gap` on its own. */
export type MeshEvent = RoundEvent | FinalEvent | PeerEvent | DeltaEvent | PhaseEvent

export const streamEvent = named(
  'StreamEvent',
  describe(
    'the data of one server-sent event; its `type` is also the name of the event',
    anyOf(roundEvent, finalEvent, peerEvent, deltaEvent, phaseEvent, statusEvent, gapEvent)
  )
)
export type StreamEvent = Infer<typeof streamEvent>
