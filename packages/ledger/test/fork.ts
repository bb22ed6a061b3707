/** A mesh that lost its quorum goes on as another, with the same weights and money. */
import { isFault, toHex } from '@gradmesh/core'
import {
  chainIdOf,
  decodeGenesis,
  encodeGenesis,
  type Genesis,
  signRegister,
  validateGenesis
} from '@gradmesh/wire'
import t from 'tap'
import { conserved, encodeAccounts, moneyOf } from '../src/accounts.ts'
import { type Forked, fork } from '../src/fork.ts'
import { forkedState, genesisState } from '../src/state.ts'
import type { LedgerState } from '../src/types.ts'
import { Chain } from './fixtures/chain.ts'
import { doubleVote, keysOf, type World, worldOf } from './fixtures/world.ts'

const ROUNDS = 3
const rules = { rounds: ROUNDS, bondMin: 50n, unbonding: 2, absentRounds: 6 }

/** Five rounds in: a trainer has earned, a validator is leaving. */
const grown = (): Chain => {
  const chain = new Chain(worldOf({ epochs: rules, end: { rounds: 100 } }))
  const { chainId, keyring, validators } = chain.world
  const trainer = keysOf('trainer')
  keyring.set(toHex(trainer.publicKey), trainer)
  chain.round([], { txs: [signRegister({ key: trainer.publicKey, label: 't' }, chainId, trainer)] })
  chain.round([trainer], { txs: [chain.order(validators[0]!, { kind: 'unbond', amount: 10n })] })
  for (let i = 0; i < 3; i++) chain.round([trainer, ...validators])
  return chain
}

const parentOf = ({ world, state }: Chain) => ({
  genesis: world.genesis,
  height: state.accounts.height,
  state
})

const forked = (chain: Chain, survivors: readonly number[]): Forked => {
  const answer = fork(
    parentOf(chain),
    survivors.map(i => chain.world.validators[i]!.publicKey)
  )
  if (isFault(answer)) throw new TypeError(answer.fault)
  return answer as Forked
}

t.test('the same survivors and state make the same mesh, whoever forks it', async t => {
  const chain = grown()
  const { genesis, accounts, lost } = forked(chain, [1, 0])
  t.strictSame(encodeGenesis(forked(grown(), [0, 1]).genesis), encodeGenesis(genesis))
  t.equal(validateGenesis(genesis), null)
  const read = decodeGenesis(encodeGenesis(genesis)) as Genesis
  t.strictSame({ ...read, validators: [...read.validators] }, genesis)
  t.strictSame(genesis.parent?.chainId, chain.world.chainId)
  t.strictSame(genesis.parent?.stateRoot, chain.state.root)
  t.strictSame(genesis.end, { rounds: 95 })
  t.notSame(chainIdOf(forked(chain, [0, 2]).genesis), chainIdOf(genesis), 'others are another mesh')
  t.strictSame(
    lost.map(({ trainer }) => trainer),
    [2, 3]
  )
  t.throws(() => genesisState(genesis), { code: 'LEDGER_START' })

  const { weights } = chain.state
  const state = forkedState(genesis, encodeAccounts(accounts), weights) as LedgerState
  t.notOk(isFault(state))
  t.strictSame(state.root, genesis.parent?.startRoot)
  t.strictSame(state.leaves, chain.state.leaves, 'the same weights')
  const other = weights.map((value, i) => (i === 3 ? value + 1 : value))
  t.match(forkedState(genesis, encodeAccounts(accounts), other), { fault: 'LEDGER_CHECKPOINT_ROOT' })
  t.match(forkedState(genesis, encodeAccounts({ ...accounts, burnt: 1n }), weights), {
    fault: 'LEDGER_ACCOUNTS_MONEY'
  })
  t.match(forkedState(genesis, encodeAccounts(accounts), weights.subarray(1)), {
    fault: 'LEDGER_CHECKPOINT_LENGTH'
  })
})

t.test('nobody gains or loses; what vests does so as much later, the lost are on their way out', async t => {
  const chain = grown()
  const { accounts: before } = chain.state
  const { accounts } = forked(chain, [1, 3])
  t.ok(conserved(accounts))
  t.equal(accounts.trainers.length, before.trainers.length)
  t.strictSame(
    accounts.trainers.map(({ key }) => before.trainers.findIndex(each => toHex(each.key) === toHex(key))),
    [1, 3, 0, 2, 4],
    'survivors come first'
  )
  for (const account of accounts.trainers) {
    const old = before.trainers.find(({ key }) => toHex(key) === toHex(account.key))!
    t.equal(moneyOf(account), moneyOf(old))
    t.equal(account.balance, old.balance)
    t.strictSame([account.nonce, account.accepted, account.slashed], [old.nonce, old.accepted, old.slashed])
    for (const [i, due] of account.vesting.entries()) {
      const wait = old.vesting[i]!.round - before.round
      t.ok(due.round >= wait && due.round < wait + ROUNDS && due.round % ROUNDS === 0, `${wait} rounds more`)
    }
  }
  const [, , first, third, trainer] = accounts.trainers
  t.strictSame([first!.leaving, third!.leaving], [first!.bond, third!.bond])
  t.equal(trainer!.leaving, 0n)
})

t.test('the mesh goes on: the lost never vote again, rewards come free, epochs turn', async t => {
  const old = grown()
  const { genesis, accounts } = forked(old, [0, 1])
  const [a, b, c] = old.world.validators
  const world: World = {
    ...old.world,
    genesis,
    chainId: chainIdOf(genesis),
    validators: [a!, b!],
    start: forkedState(genesis, encodeAccounts(accounts), old.state.weights) as LedgerState
  }
  const chain = new Chain(world)
  const trainer = keysOf('trainer')
  const earned = moneyOf(chain.account(trainer))
  for (let i = 0; i < 6 * ROUNDS; i++) {
    chain.round([a!, b!])
    t.equal(chain.state.accounts.running.seats.length, 2)
  }
  t.equal(chain.account(trainer).balance, earned, 'what it had earned in the parent is free')
  t.equal(chain.account(c!).bond, 0n)
  t.ok(chain.account(c!).balance >= 100n, 'the bond of who was lost came back to it')
  t.notSame(chain.state.root, old.state.root)
})

t.test('nothing that was signed in one mesh counts in the other', async t => {
  const old = grown()
  const { genesis, accounts } = forked(old, [0, 1])
  const world: World = {
    ...old.world,
    genesis,
    chainId: chainIdOf(genesis),
    validators: old.world.validators.slice(0, 2),
    start: forkedState(genesis, encodeAccounts(accounts), old.state.weights) as LedgerState
  }
  const chain = new Chain(world)
  const refused = (change: Parameters<Chain['round']>[1]): string => {
    try {
      chain.round([], change)
    } catch (error) {
      return (error as Error).message
    }
    return 'taken'
  }
  const [a] = world.validators
  t.equal(refused({ txs: [old.order(a!, { kind: 'leave' })] }), 'LEDGER_TX_SIGNATURE')
  t.equal(refused({ evidence: [doubleVote(old.world, 0, 5)] }), 'LEDGER_EVIDENCE')
  t.equal(refused({ evidence: [doubleVote(world, 0, 5)] }), 'taken', 'only what it signed here')
})

t.test('what is no fork is refused', async t => {
  const chain = grown()
  const codeOf = (survivors: readonly Uint8Array[], of = chain): string => {
    const answer = fork(parentOf(of), survivors)
    return isFault(answer) ? answer.fault : 'forked'
  }
  const keys = chain.world.validators.map(({ publicKey }) => publicKey)
  t.equal(codeOf([]), 'LEDGER_FORK_SURVIVOR')
  t.equal(codeOf([keys[0]!, keys[0]!]), 'LEDGER_FORK_SURVIVOR')
  t.equal(codeOf([keysOf('trainer').publicKey]), 'LEDGER_FORK_SURVIVOR', 'a trainer does not vote')
  t.equal(codeOf(keys.slice(1)), 'LEDGER_FORK_QUORUM', 'three of four can go on as they are')
  const done = new Chain(worldOf({ epochs: rules, end: { rounds: 2 } }))
  done.round()
  done.round()
  t.equal(codeOf([keys[0]!], done), 'LEDGER_FORK_ENDED')
})
