/** What became of a delta. */
import { hex32, type Infer, integer, money, named, nullable, object, oneOf, text } from '../schema.ts'

export const outcome = named('Outcome', oneOf('accepted', 'refused', 'pending'))
export type Outcome = Infer<typeof outcome>

export const receipt = named(
  'Receipt',
  object({
    digest: hex32(),
    outcome,
    trainer: hex32({ description: 'public key' }),
    round: integer(),
    height: nullable(integer({ description: 'the block that settled it; null while pending' })),
    steps: integer({ description: 'inner steps credited' }),
    payloadBytes: nullable(integer()),
    weightQ16: integer({ description: "share of the round's weight, unit 2^-16", maximum: 65_536 }),
    reward: money(),
    code: nullable(text({ description: 'fault code when refused' })),
    why: text({ description: 'one sentence for its author' })
  })
)
export type Receipt = Infer<typeof receipt>
