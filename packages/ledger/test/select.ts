/** What leaders may pick for their blocks: whatever they are handed, the result is valid. */
import { signRegister } from '@gradmesh/wire'
import t from 'tap'
import { convict, selectEvidence, slash, slashOf } from '../src/slashing.ts'
import { checkTransactions, selectTransactions, TXS_PER_BLOCK_MAX } from '../src/transactions.ts'
import { doubleVote, keysOf, worldOf } from './fixtures/world.ts'

const world = worldOf()
const { chainId } = world
const { accounts } = world.start

t.test('transactions', async t => {
  const of = (name: string) => signRegister({ key: keysOf(name).publicKey, label: '' }, chainId, keysOf(name))
  const candidates = [of('validator 0'), of('a'), of('a'), { ...of('b'), label: 'forged' }, of('c')]
  t.strictSame(selectTransactions(accounts, candidates, chainId), [candidates[1], candidates[4]])
  const many = selectTransactions(
    accounts,
    Array.from({ length: 20 }, (_, i) => of(`n${i}`)),
    chainId
  )
  t.equal(many.length, TXS_PER_BLOCK_MAX)
  t.equal(checkTransactions(accounts, many, chainId), null)
})

t.test('evidence', async t => {
  const good = [doubleVote(world, 1), doubleVote(world, 3)]
  const evidence = [good[0]!, doubleVote(world, 1, 7), good[1]!]
  t.strictSame(selectEvidence({ accounts, evidence, chainId }, 64), good)
  t.strictSame(selectEvidence({ accounts, evidence, chainId }, 1), good.slice(0, 1))
  t.strictSame(convict({ accounts, evidence: good, chainId }), [1, 3])
})

t.test('slashes', async t => {
  t.equal(slashOf(1000n, 10n, 1000n), 50n)
  t.equal(slashOf(1000n, 100n, 1000n), 300n)
  t.equal(slashOf(1000n, 334n, 1000n), 1000n)
  t.equal(slashOf(1n, 1n, 1000n), 1n, 'never nothing: a slash is what marks the convict')
  const { validators, burnt } = slash(accounts.validators, [0, 1])
  t.strictSame(
    validators.map(({ stake, slashed }) => [stake, slashed]),
    [
      [25n, 75n],
      [0n, 100n],
      [100n, 0n],
      [100n, 0n]
    ]
  )
  t.equal(burnt, 175n)
  t.throws(() => slash(validators, [0]), { code: 'INVARIANT' })
})
