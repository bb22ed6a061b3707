import type { Stakes } from '@gradmesh/api'
import t from 'tap'
import { amountOf, checkOrder, effectsOf } from '../src/staking.ts'

const rules = { rounds: 10, bondMin: 100n, unbonding: 4, absentRounds: 256 }
const account = (money: Partial<Stakes['trainers'][number]>): Stakes['trainers'][number] => ({
  key: 'ab'.repeat(32),
  label: '',
  since: 1,
  accepted: 0,
  lastRound: null,
  nonce: 0,
  balance: '0',
  bond: '0',
  leaving: '0',
  vesting: [],
  unbonding: [],
  ...money
})

t.test('an amount is a whole number', async t => {
  t.equal(amountOf('1000'), 1000n)
  for (const wrong of [undefined, '', '0', '-1', '1.5', '1e3', '1,000', '9'.repeat(20)])
    t.throws(() => amountOf(wrong), { code: 'USAGE_ARGUMENT' }, String(wrong))
})

t.test('what the ledger would refuse is told before it is sent', async t => {
  const poor = account({ balance: '150', vesting: [{ round: 70, amount: '30' }] })
  t.doesNotThrow(() => checkOrder({ kind: 'bond', amount: 150n }, poor, rules))
  t.throws(() => checkOrder({ kind: 'bond', amount: 151n }, poor, rules), {
    code: 'STAKE_BALANCE',
    remedy: /30 more are free when round 70 opens/
  })
  t.throws(() => checkOrder({ kind: 'bond', amount: 99n }, poor, rules), { code: 'STAKE_BOND_MIN' })
  t.throws(() => checkOrder({ kind: 'leave' }, poor, rules), { code: 'STAKE_NO_BOND' })

  const bonded = account({ bond: '300', leaving: '50' })
  t.doesNotThrow(() => checkOrder({ kind: 'leave' }, bonded, rules))
  t.doesNotThrow(() => checkOrder({ kind: 'unbond', amount: 150n }, bonded, rules))
  t.doesNotThrow(() => checkOrder({ kind: 'unbond', amount: 250n }, bonded, rules), 'all of it')
  t.throws(() => checkOrder({ kind: 'unbond', amount: 151n }, bonded, rules), { code: 'STAKE_BOND_MIN' })
  t.throws(() => checkOrder({ kind: 'unbond', amount: 251n }, bonded, rules), { code: 'STAKE_NO_BOND' })
  t.throws(() => checkOrder({ kind: 'leave' }, account({ bond: '300', leaving: '300' }), rules), {
    code: 'STAKE_NO_BOND'
  })
})

t.test('an order counts in the set that is drawn when its epoch ends', async t => {
  t.strictSame(effectsOf({ kind: 'bond', amount: 1n }, rules, 3), { epoch: 5, round: 50, freeRound: 50 })
  t.strictSame(effectsOf({ kind: 'leave' }, rules, 3), { epoch: 5, round: 50, freeRound: 90 })
})
