/** The judge of the sets does judge: each of its rules is broken once. */
import { genesisState } from '@gradmesh/ledger'
import type { Block } from '@gradmesh/wire'
import t from 'tap'
import { smallGenesis } from '../../../packages/peer/test/fixtures/script.ts'
import { SeatsChecker } from './seats.ts'

const base = smallGenesis()
const genesis = smallGenesis({
  epochs: { rounds: 2, bondMin: 1n, unbonding: 1, absentRounds: 2 },
  validators: base.validators.map(validator => ({ ...validator, stake: 10n }))
})
const { accounts: start } = genesisState(genesis)
type Accounts = typeof start
type Seats = Accounts['next']['seats']

const fresh = (liar: number | null = null): SeatsChecker => {
  const checker = new SeatsChecker(genesis, liar)
  checker.accounts(0, start)
  return checker
}

/** The block that closes a round, attested by these seats. */
const closing = (round: number, ...present: readonly number[]): Block =>
  ({
    header: { epoch: Math.floor(round / 2), round },
    body: { attests: present.map(validator => ({ validator })) }
  }) as unknown as Block

/** The first two rounds are closed by these, and the set of epoch 2 has these seats. */
const turned = (checker: SeatsChecker, seats: Seats, present: readonly number[] = [0, 1, 2, 3]): void => {
  checker.closed(closing(0, ...present))
  checker.closed(closing(1, ...present))
  const next = { ...start.next, seats }
  checker.accounts(2, { ...start, epoch: 1, round: 2, running: start.next, next })
}

const stakes = (...wanted: readonly bigint[]): Seats =>
  start.next.seats.map((seat, i) => ({ ...seat, stake: wanted[i]! })).filter(({ stake }) => stake > 0n)

t.test('what may be', async t => {
  t.doesNotThrow(() => turned(fresh(), start.next.seats))
  t.doesNotThrow(() => turned(fresh(), stakes(6n, 10n, 10n, 10n)), 'a tenth leaves')
  t.doesNotThrow(() => turned(fresh(), stakes(0n, 10n, 10n, 10n), [1, 2, 3]), 'the absent one is gone')
  t.doesNotThrow(() => turned(fresh(0), stakes(0n, 10n, 10n, 10n)), 'a convict is gone')
})

t.test('what may not', async t => {
  const cases: readonly (readonly [string, RegExp, () => void])[] = [
    ['more than a tenth leaves', /5 leaves for epoch 2/, () => turned(fresh(), stakes(5n, 10n, 10n, 10n))],
    [
      'an absent one keeps its seat',
      /trainer 0 was absent/,
      () => turned(fresh(), stakes(9n, 10n, 10n, 10n), [1, 2, 3])
    ],
    [
      'one who was there is dropped',
      /10 leaves/,
      () => turned(fresh(), stakes(0n, 10n, 10n, 10n), [0, 1, 2, 3])
    ],
    ['a seat without a bond', /trainer 2 votes with 11/, () => turned(fresh(), stakes(10n, 10n, 11n, 10n))],
    [
      'more than a tenth enters',
      /5 enters/,
      () => {
        const checker = fresh()
        checker.closed(closing(1, 0, 1, 2, 3))
        const trainers = start.trainers.map(account => ({ ...account, bond: 100n }))
        const next = { ...start.next, seats: stakes(15n, 10n, 10n, 10n) }
        checker.accounts(2, { ...start, trainers, epoch: 1, round: 2, running: start.next, next })
      }
    ],
    [
      'the next set is changed',
      /the set of epoch 1 was changed/,
      () => fresh().accounts(1, { ...start, round: 1, next: { ...start.next, seats: stakes(9n, 10n) } })
    ],
    [
      'an epoch that runs too long',
      /round 2 is open in epoch 0/,
      () => fresh().accounts(2, { ...start, round: 2 })
    ]
  ]
  for (const [name, message, judge] of cases) t.throws(judge, { name: 'Violation', message }, name)
})
