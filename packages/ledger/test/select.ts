/** What leaders may pick for their blocks: whatever they are handed, the result is valid. */
import { signRegister } from '@gradmesh/wire'
import t from 'tap'
import { atStake, convict, selectEvidence, slash, slashOf } from '../src/slashing.ts'
import { checkTransactions, selectTransactions, TXS_PER_BLOCK_MAX } from '../src/transactions.ts'
import { doubleVote, keysOf, worldOf } from './fixtures/world.ts'

const world = worldOf()
const { chainId } = world
const { epochs } = world.genesis
const { accounts } = world.start

t.test('transactions', async t => {
  const of = (name: string) => signRegister({ key: keysOf(name).publicKey, label: '' }, chainId, keysOf(name))
  const candidates = [of('validator 0'), of('a'), of('a'), { ...of('b'), label: 'forged' }, of('c')]
  t.strictSame(selectTransactions({ trainers: accounts.trainers, chainId, epochs }, candidates), [
    candidates[1],
    candidates[4]
  ])
  const on = { trainers: accounts.trainers, chainId, epochs }
  const many = selectTransactions(
    on,
    Array.from({ length: 20 }, (_, i) => of(`n${i}`))
  )
  t.equal(many.length, TXS_PER_BLOCK_MAX)
  t.equal(checkTransactions(on, many), null)
})

t.test('evidence', async t => {
  const good = [doubleVote(world, 1), doubleVote(world, 3)]
  const evidence = [good[0]!, doubleVote(world, 1, 7), good[1]!]
  t.strictSame(selectEvidence({ accounts, evidence, chainId, epochs }, 64), good)
  t.strictSame(selectEvidence({ accounts, evidence, chainId, epochs }, 1), good.slice(0, 1))
  t.strictSame(convict({ accounts, evidence: good, chainId, epochs }), [1, 3])
})

t.test('slashes', async t => {
  t.equal(slashOf(1000n, 10n, 1000n), 50n)
  t.equal(slashOf(1000n, 100n, 1000n), 300n)
  t.equal(slashOf(1000n, 334n, 1000n), 1000n)
  t.equal(slashOf(1n, 1n, 1000n), 1n, 'never nothing: a slash is what marks the convict')
  const after = slash(accounts, [0, 1], null, epochs)
  t.strictSame(
    after.trainers.map(account => [atStake(account), account.slashed, account.leaving]),
    [
      [25n, 75n, 25n],
      [0n, 100n, 0n],
      [100n, 0n, 0n],
      [100n, 0n, 0n]
    ]
  )
  t.equal(after.burnt, 175n)
  const reported = slash(accounts, [0, 1], accounts.trainers[1]!.key, epochs)
  t.equal(reported.trainers[1]!.balance, 37n, 'half of what the other loses, nothing of its own')
  t.equal(reported.burnt, 138n)
})
