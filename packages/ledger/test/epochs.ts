/** Epochs over whole chains: what bonds, rewards, absence and evidence do to the sets, and to money. */
import { isFault, Prng, toHex } from '@gradmesh/core'
import { type KeyPair, signRegister, type Transaction, validatorSetHash } from '@gradmesh/wire'
import fc from 'fast-check'
import t from 'tap'
import { conserved, decodeAccounts, encodeAccounts, moneyOf, unpackAccounts } from '../src/accounts.ts'
import { elect } from '../src/election.ts'
import { provenSets, setsProofOf } from '../src/roots.ts'
import { keysOf as keysOfSet, stakeOf } from '../src/sets.ts'
import { atStake } from '../src/slashing.ts'
import type { Accounts, PackedAccounts } from '../src/types.ts'
import { Chain } from './fixtures/chain.ts'
import { doubleVote, keysOf, type World, worldOf } from './fixtures/world.ts'

const ROUNDS = 3
const shortWorld = (change: Partial<World['genesis']['epochs']> = {}, stakes?: bigint[]): World =>
  worldOf({ epochs: { rounds: ROUNDS, bondMin: 50n, unbonding: 1, absentRounds: 6, ...change } }, stakes)

const toEpoch = (chain: Chain, epoch: number, trainers: readonly KeyPair[] = []): void => {
  while (chain.state.accounts.epoch < epoch) chain.round(trainers)
}

t.test('a trainer without stake earns one and becomes a validator two epochs later', async t => {
  const chain = new Chain(shortWorld())
  const { chainId, keyring } = chain.world
  const joiner = keysOf('joiner')
  keyring.set(toHex(joiner.publicKey), joiner)
  chain.round([], { txs: [signRegister({ key: joiner.publicKey, label: 'j' }, chainId, joiner)] })
  chain.round([joiner])
  t.strictSame(chain.account(joiner).vesting, [{ round: 2 * ROUNDS, amount: 1000n }])
  t.equal(chain.account(joiner).balance, 0n)
  toEpoch(chain, 2)
  t.strictSame([chain.account(joiner).balance, chain.account(joiner).vesting], [1000n, []])
  chain.round([], { txs: [chain.order(joiner, { kind: 'bond', amount: 1000n })] })
  t.strictSame([chain.account(joiner).balance, chain.account(joiner).bond], [0n, 1000n])
  toEpoch(chain, 3)
  t.strictSame(chain.weights(joiner), [0n, 40n], 'a tenth of 400 enters an epoch')
  toEpoch(chain, 4)
  t.strictSame(chain.weights(joiner), [40n, 84n])
  const block = chain.round()
  t.equal(block.body.attests.length, 5, 'it attests')
  t.equal(block.header.epoch, 4)
  t.same(block.header.validatorSetHash, validatorSetHash(chain.state.accounts.running.seats))
})

t.test('who leaves stays at stake until no set rests on it, then unbonds, then is paid', async t => {
  const chain = new Chain(shortWorld())
  const leaver = chain.world.validators[3]!
  chain.round([], { txs: [chain.order(leaver, { kind: 'leave' })] })
  t.equal(chain.account(leaver).leaving, 100n)
  const seen: [bigint, bigint, bigint, bigint][] = []
  for (let epoch = 1; epoch <= 7; epoch++) {
    toEpoch(chain, epoch)
    const { bond, balance, unbonding } = chain.account(leaver)
    const [running] = chain.weights(leaver)
    seen.push([running, bond, unbonding.reduce((sum, { amount }) => sum + amount, 0n), balance])
  }
  t.strictSame(seen, [
    [100n, 100n, 0n, 0n],
    [60n, 60n, 40n, 0n],
    [24n, 24n, 36n, 40n],
    [0n, 0n, 24n, 76n],
    [0n, 0n, 0n, 100n],
    [0n, 0n, 0n, 100n],
    [0n, 0n, 0n, 100n]
  ])
  t.equal(chain.state.accounts.running.seats.length, 3)
})

t.test('what unbonds waits for all of the unbonding epochs', async t => {
  const chain = new Chain(shortWorld({ unbonding: 3 }))
  const leaver = chain.world.validators[3]!
  chain.round([], { txs: [chain.order(leaver, { kind: 'unbond', amount: 10n })] })
  toEpoch(chain, 2)
  t.strictSame(chain.account(leaver).unbonding, [{ round: 5 * ROUNDS, amount: 10n }])
  toEpoch(chain, 4)
  t.equal(chain.account(leaver).balance, 0n)
  toEpoch(chain, 5)
  t.equal(chain.account(leaver).balance, 10n)
})

t.test('a bond below the least gets no seat, and loses the one that it had', async t => {
  const { accounts } = new Chain(shortWorld()).state
  const bonds = [100n, 50n, 49n, 100n]
  const election = {
    before: { ...accounts.running, seats: accounts.running.seats.slice(0, 1) },
    accounts: accounts.trainers.map((account, i) => ({ ...account, bond: bonds[i]! })),
    dismissed: new Set<number>(),
    bondMin: 50n
  }
  const seated = elect(election).map(({ trainer }) => trainer)
  t.strictSame(seated.toSorted(), [0, 1, 3])
  t.strictSame(
    elect({ ...election, before: accounts.running }).find(({ trainer }) => trainer === 2)?.stake,
    73n,
    'a tenth of all stake leaves an epoch: of its 100 and the 50 of another, in proportion'
  )
})

t.test('absent validators leave with the next set, unslashed, and may bond again', async t => {
  const chain = new Chain(shortWorld())
  const away = chain.world.validators[2]!
  for (let i = 0; i < 5; i++) chain.round([], {}, [away])
  t.equal(chain.account(away).absent, 5)
  chain.round()
  t.equal(chain.account(away).absent, 0, 'one attestation is enough')
  for (let i = 0; i < 6; i++) chain.round([], {}, [away])
  t.equal(chain.state.accounts.epoch, 4)
  t.strictSame(chain.weights(away), [100n, 0n])
  for (let i = 0; i < ROUNDS; i++) chain.round([], {}, [away])
  t.strictSame(chain.weights(away), [0n, 0n])
  t.equal(chain.account(away).slashed, 0n)
  toEpoch(chain, 6)
  t.equal(chain.account(away).balance, 100n)
  t.notOk(isFault(chain.order(away, { kind: 'bond', amount: 100n })))
  chain.round([], { txs: [chain.order(away, { kind: 'bond', amount: 100n })] })
  toEpoch(chain, 8)
  t.strictSame(chain.weights(away)[0], 30n)
})

t.test(
  'convicts lose their seat at once; evidence holds as long as the stake, and convicts once',
  async t => {
    const chain = new Chain(shortWorld({}, [1000n, 1000n, 1000n, 100n]))
    const guilty = chain.world.validators[3]!
    const evidence = (epoch: number) => ({ evidence: [doubleVote(chain.world, 3, 5, epoch)] })
    const refused = (epoch: number): string => {
      try {
        chain.round([], evidence(epoch))
      } catch (error) {
        return (error as Error).message
      }
      return 'taken'
    }
    toEpoch(chain, 1)
    chain.round([], evidence(0))
    t.strictSame(chain.account(guilty).slashed, 10n, '3 * 100 / 3100, rounded up')
    t.equal(refused(1), 'LEDGER_EVIDENCE_REPEATED')
    toEpoch(chain, 2)
    t.strictSame(chain.weights(guilty), [100n, 0n])
    toEpoch(chain, 3)
    t.strictSame(chain.weights(guilty), [0n, 0n])
    t.strictSame([chain.account(guilty).bond, atStake(chain.account(guilty))], [0n, 90n])
    toEpoch(chain, 4)
    t.equal(chain.account(guilty).balance, 90n)
    t.equal(refused(2), 'LEDGER_EVIDENCE_STAKE')
    chain.round([], { txs: [chain.order(guilty, { kind: 'bond', amount: 90n })] })
    t.equal(refused(2), 'LEDGER_EVIDENCE_OLD')
    t.equal(refused(1), 'LEDGER_EVIDENCE_OLD')
    t.equal(refused(3), 'taken')
  }
)

t.test('slashing is correlated over the window', async t => {
  const chain = new Chain(shortWorld({ unbonding: 2 }, [1000n, 1000n, 100n, 100n]))
  const [, , a, b] = chain.world.validators as [KeyPair, KeyPair, KeyPair, KeyPair]
  chain.round([], { evidence: [doubleVote(chain.world, 2)] })
  toEpoch(chain, 2)
  chain.round([], { evidence: [doubleVote(chain.world, 3, 5, 1)] })
  t.strictSame(
    [chain.account(a).slashed, chain.account(b).slashed],
    [14n, 29n],
    'twice the share, the second time'
  )
})

t.test('an epoch without end: what comes due never is the same after a checkpoint', async t => {
  const chain = new Chain(shortWorld({ rounds: 0xffff_ffff, unbonding: 4 }))
  chain.round([...chain.world.keyring.values()])
  const { accounts } = chain.state
  t.strictSame(unpackAccounts(decodeAccounts(encodeAccounts(accounts)) as PackedAccounts), accounts)
  t.ok(
    accounts.trainers.some(({ vesting }) => vesting.length > 0),
    'rewards vest'
  )
})

t.test('stake transactions: money that is there, once, in order, and no bond too small to vote', async t => {
  const chain = new Chain(shortWorld())
  const [ann, ben] = chain.world.validators as [KeyPair, KeyPair]
  const faultOf = (...txs: Transaction[]): string | null => {
    const before = chain.state
    const { header } = chain
    try {
      chain.round([], { txs })
      return null
    } catch (error) {
      return (error as Error).message
    } finally {
      chain.state = before
      chain.header = header
    }
  }
  t.equal(faultOf(chain.order(ann, { kind: 'bond', amount: 1n })), 'LEDGER_TX_AMOUNT', 'nothing is free')
  t.equal(faultOf(chain.order(ann, { kind: 'unbond', amount: 101n })), 'LEDGER_TX_AMOUNT')
  t.equal(faultOf(chain.order(ann, { kind: 'unbond', amount: 0n })), 'LEDGER_TX_AMOUNT')
  t.equal(
    faultOf(chain.order(ann, { kind: 'unbond', amount: 60n })),
    'LEDGER_TX_AMOUNT',
    '40 is below the least'
  )
  t.equal(faultOf(chain.order(ann, { kind: 'unbond', amount: 50n })), null)
  t.equal(faultOf(chain.order(ann, { kind: 'unbond', amount: 100n })), null)
  t.equal(faultOf(chain.order(ann, { kind: 'unbond', amount: 50n }, 1)), 'LEDGER_TX_NONCE')
  const first = chain.order(ann, { kind: 'unbond', amount: 50n })
  t.equal(faultOf(first, first), 'LEDGER_TX_NONCE', 'not twice')
  t.equal(faultOf(first, chain.order(ann, { kind: 'leave' }, 1)), null)
  t.equal(
    faultOf(chain.order(ann, { kind: 'leave' }), chain.order(ann, { kind: 'leave' }, 1)),
    'LEDGER_TX_AMOUNT'
  )
  t.equal(faultOf({ ...first, amount: 51n } as Transaction), 'LEDGER_TX_AMOUNT')
  t.equal(faultOf({ ...first, key: ben.publicKey } as Transaction), 'LEDGER_TX_SIGNATURE')
  const stranger = keysOf('stranger')
  t.equal(faultOf(chain.order(stranger, { kind: 'leave' }, 0)), 'LEDGER_TX_UNKNOWN')
})

t.test('a renewal moves the nonce, and nothing else', async t => {
  const chain = new Chain(shortWorld())
  const [ann] = chain.world.validators
  const before = chain.account(ann!)
  const renew = chain.order(ann!, { kind: 'renew', salt: new Uint8Array(32).fill(7) })
  chain.round([], { txs: [renew] })
  t.strictSame(chain.account(ann!), { ...before, nonce: 1 })
  t.throws(() => chain.round([], { txs: [renew] }), { message: 'LEDGER_TX_NONCE' }, 'once')
})

t.test('after the boundary: empty blocks of its own epoch, or the first of the next on it alone', async t => {
  const chain = new Chain(shortWorld())
  toEpoch(chain, 1)
  const boundary = { state: chain.state, header: chain.header! }
  t.equal(boundary.header.epoch, 0)
  const own = { epoch: 0, validatorSetHash: boundary.header.validatorSetHash }
  t.equal(chain.faultOf(chain.empty()), null)
  t.equal(chain.faultOf(chain.empty({ epoch: 2 })), 'LEDGER_EPOCH')
  const tail = chain.empty(own)
  t.equal(chain.faultOf(tail), null)
  t.equal(
    chain.faultOf(chain.empty({ ...own, validatorSetHash: boundary.state.root })),
    'LEDGER_VALIDATOR_SET'
  )
  chain.take(tail)
  t.equal(chain.faultOf(chain.empty(own)), null, 'the tail may grow')
  t.equal(chain.faultOf(chain.empty()), 'LEDGER_EPOCH', 'the next epoch starts on the boundary')
  t.throws(() => chain.round(), { message: 'LEDGER_EPOCH' })
  chain.header = boundary.header
  const late = chain.round()
  t.equal(late.header.epoch, 1)
  chain.state = boundary.state
  chain.header = boundary.header
  const { header, body } = late
  t.equal(chain.faultOf({ ...chain.empty({ ...header, ...own }), body }), 'LEDGER_BODY_HASH')
})

t.test('a header shows the sets of its epoch and the next, without registry and weights', async t => {
  const chain = new Chain(shortWorld())
  toEpoch(chain, 2)
  const { accounts, leaves, root } = chain.state
  const proof = setsProofOf(accounts, leaves)
  const { epoch, running, next } = accounts
  t.strictSame(provenSets(proof, root), { epoch, running, next })
  t.match(provenSets(proof, chain.world.start.root), { fault: 'LEDGER_SETS_ROOT' })
  t.match(provenSets({ ...proof, sets: proof.sets.subarray(1) }, root), { fault: 'LEDGER_SETS_ROOT' })
  t.notSame(next.leaderSeed, running.leaderSeed)
})

/** What must hold in every state, told without the code under test. */
const violations = (accounts: Accounts, before: Accounts): string[] => {
  const { trainers, running, next } = accounts
  const found: string[] = []
  const say = (holds: boolean, what: string) => holds || found.push(what)
  say(conserved(accounts), 'money')
  say(
    trainers.every(account => account.leaving <= account.bond && account.bond >= 0n),
    'leaving is bonded'
  )
  say(
    trainers.every(({ unbonding, vesting }) => unbonding.length <= 3 && vesting.length <= 4),
    'bounded'
  )
  for (const { seats } of [running, next]) {
    say(seats.length > 0 && seats.length <= 128, 'a set is never empty')
    say(
      new Set(keysOfSet({ seats, leaderSeed: new Uint8Array() }).map(toHex)).size === seats.length,
      'one seat each'
    )
    for (const { trainer, stake } of seats) {
      const { bond, slashed } = trainers[trainer]!
      say(bond + slashed >= stake, `seat ${trainer} rests on its bond`)
    }
  }
  if (accounts.epoch === before.epoch) {
    say(running === before.running && next === before.next, 'sets stand while an epoch runs')
    return found
  }
  say(accounts.epoch === before.epoch + 1 && running === before.next, 'sets are fixed two ahead')
  const dismissed = new Set(
    trainers.flatMap(({ convicted, slashed, leaving, bond }, i) =>
      (convicted !== null && slashed > 0n) || (leaving === bond && (before.trainers[i]?.absent ?? 0) > 0)
        ? [i]
        : []
    )
  )
  const weight = (set: typeof running, i: number) =>
    set.seats.find(({ trainer }) => trainer === i)?.stake ?? 0n
  let [entered, left] = [0n, 0n]
  for (const i of trainers.keys()) {
    const change = weight(next, i) - weight(running, i)
    if (change > 0n) entered += change
    else if (!dismissed.has(i)) left -= change
  }
  const budget = stakeOf(running) / 10n || 1n
  say(entered <= budget && left <= budget, `churn: ${entered} in, ${left} out of ${stakeOf(running)}`)
  return found
}

t.test('over random histories nothing is lost, no set changes fast or rests on nothing', async t => {
  let turns = 0
  fc.assert(
    fc.property(fc.nat(), seed => {
      const prng = new Prng(seed)
      const stakes = Array.from({ length: 4 }, () => BigInt(50 + prng.below(1000)))
      const chain = new Chain(
        shortWorld({ rounds: 2, unbonding: 1 + prng.below(2), absentRounds: 2 + prng.below(3) }, stakes)
      )
      const { world } = chain
      const people: KeyPair[] = [...world.validators]
      const amount = () => BigInt(1 + prng.below(600))
      const orders = (): Transaction[] =>
        people
          .filter(keys => prng.oneIn(3) && chain.account(keys) !== undefined)
          .map(keys =>
            prng.oneIn(4)
              ? chain.order(keys, { kind: 'leave' })
              : chain.order(keys, { kind: prng.oneIn(2) ? 'bond' : 'unbond', amount: amount() })
          )
      for (let i = 0; i < 16; i++) {
        const { accounts } = chain.state
        const txs: Transaction[] = []
        for (const tx of orders()) {
          const block = { txs: [tx] }
          const before = { state: chain.state, header: chain.header }
          try {
            chain.round([], block)
            txs.push(tx)
          } catch {}
          Object.assign(chain, before)
        }
        if (prng.oneIn(3)) {
          const joiner = keysOf(`joiner ${seed} ${i}`)
          world.keyring.set(toHex(joiner.publicKey), joiner)
          txs.push(signRegister({ key: joiner.publicKey, label: '' }, world.chainId, joiner))
          people.push(joiner)
        }
        const guilty = prng.below(4)
        const account = chain.account(world.validators[guilty]!)
        const evidence =
          prng.oneIn(6) && account.convicted === null && atStake(account) > 0n
            ? [doubleVote(world, guilty, i + 1, accounts.epoch)]
            : []
        const trainers = people.filter(keys => chain.account(keys) !== undefined && prng.oneIn(2))
        const all = stakeOf(accounts.running)
        const sleepy = accounts.running.seats.find(({ stake }) => 3n * stake < all)
        const away = sleepy !== undefined && prng.oneIn(2) ? [world.keyring.get(toHex(sleepy.key))!] : []
        chain.round(trainers, { txs, evidence }, away)
        const after = chain.state.accounts
        t.strictSame(violations(after, accounts), [], `seed ${seed}, round ${i}`)
        if (after.epoch !== accounts.epoch) turns++
      }
      const { accounts } = chain.state
      t.strictSame(unpackAccounts(decodeAccounts(encodeAccounts(accounts)) as PackedAccounts), accounts)
      t.ok(accounts.trainers.every(account => moneyOf(account) >= 0n))
    }),
    { numRuns: 12 }
  )
  t.ok(turns > 50)
})
