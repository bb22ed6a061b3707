/** Who votes, who trains, who has earned what; and what became of an order about it. */
import { array, hex32, type Infer, integer, money, named, nullable, object, text } from '../schema.ts'

export const validator = named(
  'Validator',
  object({
    key: hex32(),
    label: nullable(text()),
    stake: money({ description: 'its weight in this epoch' }),
    nextStake: money({ description: 'its weight in the next' }),
    slashed: money()
  })
)
export type Validator = Infer<typeof validator>

const due = object({
  round: integer({ description: 'comes free when this round opens' }),
  amount: money()
})

export const trainer = named(
  'Trainer',
  object({
    key: hex32(),
    label: text(),
    since: integer({ description: 'height of its registration; 0 for those in the genesis' }),
    accepted: integer({ description: 'deltas accepted so far' }),
    lastRound: nullable(integer({ description: 'round of its newest accepted delta' })),
    nonce: integer({ description: 'of its next stake transaction' }),
    balance: money({ description: 'free' }),
    bond: money({ description: 'at stake' }),
    leaving: money({ description: 'part of the bond that was asked back and is still at stake' }),
    vesting: array(due),
    unbonding: array(due)
  })
)
export type Trainer = Infer<typeof trainer>

export const stakes = named(
  'Stakes',
  object({
    height: integer({ description: 'all figures are those after this block' }),
    epoch: integer(),
    validators: array(validator),
    trainers: array(trainer),
    minted: money({ description: 'equals balances, bonds, what unbonds or vests, and burnt together' }),
    burnt: money()
  })
)
export type Stakes = Infer<typeof stakes>

export const submitted = named(
  'Submitted',
  object({
    id: hex32({ description: 'as the block that takes it will list it' }),
    height: integer({ description: 'of the newest final block here' }),
    epoch: integer({ description: 'that runs' }),
    round: integer({ description: 'that is open' })
  })
)
export type Submitted = Infer<typeof submitted>
