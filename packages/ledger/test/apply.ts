import { Prng, toHex } from '@gradmesh/core'
import { type Block, type BlockBody, type BlockHeader, type KeyPair, signRegister } from '@gradmesh/wire'
import fc from 'fast-check'
import t from 'tap'
import { conserved, decodeAccounts, encodeAccounts, moneyOf, unpackAccounts } from '../src/accounts.ts'
import { applyBlock, outerRateOf } from '../src/apply.ts'
import { leafDigests, stateRoot } from '../src/roots.ts'
import { emptyAccount } from '../src/transactions.ts'
import type { LedgerState, PackedAccounts } from '../src/types.ts'
import { validateBlock } from '../src/validate.ts'
import {
  blockOf,
  bodyOf,
  doubleVote,
  emptyBody,
  held,
  keysOf,
  type Made,
  makeDelta,
  type World,
  worldOf
} from './fixtures/world.ts'

const world = worldOf()
const { genesis, layout, start, validators } = world

const applyOn = (
  on: World,
  parent: LedgerState,
  parentHeader: BlockHeader | null,
  deltas: readonly Made[],
  change: Partial<BlockBody> = {}
) => {
  const block = blockOf(on, parent, parentHeader, bodyOf(on, parent, deltas, change))
  const proposal = { ...on, parent, parentHeader, leader: on.validators[0]!.publicKey, block }
  const fault = validateBlock(proposal)
  if (fault !== null) throw new TypeError(`${fault.fault} ${fault.detail}`)
  return { ...applyBlock({ ...on, parent, block, deltas: held(...deltas) }), block }
}

const frozen = (state: LedgerState) => structuredClone(state)

t.test('an empty block leaves the state exactly as it is', async t => {
  const block = blockOf(world, start, null, emptyBody)
  const { state, receipts } = applyBlock({ ...world, parent: start, block, deltas: new Map() })
  t.strictSame(receipts, [])
  t.equal(state, start, 'so deltas bound to its root stay valid')
})

t.test('a round: weights, receipts, money, cursor; the parent stays as it was', async t => {
  const before = frozen(start)
  const deltas = [2, 0, 1].map(i => makeDelta(world, start, validators[i]!))
  const { state, receipts, block } = applyOn(world, start, null, deltas)
  t.strictSame(frozen(start), before)
  t.strictSame(state.leaves, leafDigests(layout, state.weights))
  t.strictSame(state.root, stateRoot(state.accounts, state.leaves))
  t.notSame(state.root, start.root)
  t.equal(state.accounts.round, 1)
  t.equal(state.accounts.cursor, 4n * 10n * 8n)
  t.equal(state.accounts.minted, 1400n)
  t.ok(conserved(state.accounts))
  t.strictSame(
    receipts.map(({ trainer, round, height, steps }) => [trainer, round, height, steps]),
    [0, 1, 2].map(trainer => [trainer, 0, 1, 10])
  )
  t.strictSame(
    receipts.map(({ digest }) => toHex(digest)),
    block.body.deltas.map(({ digest }) => toHex(digest))
  )
  t.equal(
    receipts.reduce((sum, { weightQ16 }) => sum + weightQ16, 0),
    65_536
  )
  t.equal(
    receipts.reduce((sum, { reward }) => sum + reward, 0n),
    1000n
  )
  t.strictSame(
    state.accounts.trainers.map(({ accepted, lastRound, vesting }) => [accepted, lastRound, vesting]),
    [...receipts.map(({ reward }) => [1, 0, [{ round: 5 * 256, amount: reward }]]), [0, -1, []]]
  )
  const last = deltas.find(({ header }) => toHex(header.trainer) === toHex(receipts[0]!.key))!
  t.equal(last.delta.scales.length, layout.chunks)
})

t.test('the odd unit of weight and of money goes to the least key', async t => {
  const { receipts } = applyOn(
    world,
    start,
    null,
    [0, 1, 2].map(i => makeDelta(world, start, validators[i]!))
  )
  const least = [...receipts].sort((a, b) => (toHex(a.key) < toHex(b.key) ? -1 : 1))
  t.strictSame(
    least.map(({ weightQ16, reward }) => [weightQ16, reward]),
    [
      [21_846, 334n],
      [21_845, 333n],
      [21_845, 333n]
    ]
  )
})

t.test('weight follows credited steps', async t => {
  const deltas = [
    makeDelta(world, start, validators[0]!),
    makeDelta(world, start, validators[1]!, { steps: 5 })
  ]
  const { receipts } = applyOn(world, start, null, deltas)
  t.strictSame(
    receipts.map(({ weightQ16 }) => weightQ16),
    [43_691, 21_845]
  )
  t.strictSame(
    receipts.map(({ reward }) => reward),
    [667n, 333n]
  )
})

t.test('a share too small for a unit of weight is not accepted', async t => {
  const long = worldOf({ training: { ...genesis.training, innerSteps: 65_535 } })
  const deltas = [65_535, 65_535, 1].map((steps, i) => makeDelta(long, long.start, validators[i]!, { steps }))
  const { state, receipts } = applyOn(long, long.start, null, deltas)
  t.strictSame(
    receipts.map(({ weightQ16, reward }) => [weightQ16, reward]),
    [
      [32_768, 500n],
      [32_768, 500n],
      [0, 0n]
    ]
  )
  t.strictSame(state.accounts.trainers[2], long.start.accounts.trainers[2])
})

t.test('the order in which deltas arrived changes nothing', async t => {
  const deltas = [0, 1, 2, 3].map(i => makeDelta(world, start, validators[i]!, { steps: i + 1 }))
  const block = blockOf(world, start, null, bodyOf(world, start, deltas))
  const want = applyBlock({ ...world, parent: start, block, deltas: held(...deltas) })
  fc.assert(
    fc.property(fc.shuffledSubarray(deltas, { minLength: 4 }), shuffled => {
      t.strictSame(applyBlock({ ...world, parent: start, block, deltas: held(...shuffled) }), want)
    }),
    { numRuns: 24 }
  )
})

t.test('a round in which nobody delivered mints nothing and moves on', async t => {
  const { state, receipts } = applyOn(world, start, null, [])
  t.strictSame(receipts, [])
  t.equal(state.weights, start.weights)
  t.equal(state.accounts.round, 1)
  t.equal(state.accounts.minted, start.accounts.minted)
  t.notSame(state.accounts.transcriptRoot, start.accounts.transcriptRoot)
})

t.test('frozen tensors stay, padding stays zero', async t => {
  const { state } = applyOn(world, start, null, [makeDelta(world, start, validators[0]!, {}, 31)])
  const { firstChunk } = layout.tensors[1]!
  const part = (weights: Int32Array) =>
    weights.subarray(firstChunk * layout.chunk, (firstChunk + 1) * layout.chunk)
  t.strictSame(part(state.weights), part(start.weights))
  t.notSame(state.weights.subarray(0, layout.chunk), start.weights.subarray(0, layout.chunk))
  for (let c = 0; c < layout.chunks; c++) {
    const padding = state.weights.subarray(c * layout.chunk + layout.realLengths[c]!, (c + 1) * layout.chunk)
    t.ok(padding.every(value => value === 0))
  }
})

t.test('weights saturate at both ends of int32', async t => {
  const edge = new Int32Array(start.weights.length)
  for (let j = 0; j < 300; j++) edge[j] = j % 2 === 0 ? 2 ** 31 - 1 : -(2 ** 31)
  const leaves = leafDigests(layout, edge)
  const parent = { ...start, weights: edge, leaves, root: stateRoot(start.accounts, leaves) }
  const made = makeDelta(world, parent, validators[0]!, {}, 31)
  const block = blockOf(world, parent, null, bodyOf(world, parent, [made]))
  const { state } = applyBlock({ ...world, parent, block, deltas: held(made) })
  let pushedOut = 0
  for (let c = 0; c < 3; c++) {
    for (let at = made.delta.starts[c]!; at < made.delta.starts[c + 1]!; at++) {
      const j = c * layout.chunk + made.delta.indices[at]!
      const isOut = edge[j]! > 0 === made.delta.codes[at]! < 0
      if (isOut) pushedOut++
      t.equal(state.weights[j] === edge[j], isOut, `${edge[j]} with code ${made.delta.codes[at]}`)
    }
  }
  t.ok(pushedOut > 0)
})

t.test('the outer rate warms up', async t => {
  const training = { ...genesis.training, outerRateQ16: 65_536, warmupRounds: 4 }
  t.strictSame(
    [0, 1, 2, 3, 4, 99].map(round => outerRateOf({ training }, round)),
    [16_384, 32_768, 49_152, 65_536, 65_536, 65_536]
  )
  const cold = worldOf({ training })
  const moved = (on: World) => {
    const { state } = applyOn(on, on.start, null, [makeDelta(on, on.start, validators[0]!)])
    return state.weights.map((value, j) => value - on.start.weights[j]!)
  }
  const [slow, fast] = [moved(cold), moved(world)]
  t.ok(slow.some(value => value !== 0))
  t.ok(slow.every((value, j) => Math.abs(4 * value - fast[j]!) <= 4))
})

t.test('registration adds a trainer at the end, from the next round on', async t => {
  const joiner = keysOf('joiner')
  const tx = signRegister({ key: joiner.publicKey, label: 'Åsa' }, world.chainId, joiner)
  const one = applyOn(world, start, null, [makeDelta(world, start, validators[0]!)], { txs: [tx] })
  t.strictSame(one.state.accounts.trainers.at(-1), {
    ...emptyAccount,
    key: joiner.publicKey,
    label: 'Åsa',
    since: 1
  })
  t.equal(one.state.accounts.cursor, 320n, 'it had no rows in the round that registered it')
  const own = makeDelta(world, one.state, joiner)
  const two = applyOn(world, one.state, one.block.header, [own])
  t.equal(two.state.accounts.cursor, 320n + 400n)
  t.equal(moneyOf(two.state.accounts.trainers.at(-1)!), 1000n)
})

t.test('evidence burns stake: 5 % for one, all for a third', async t => {
  const one = applyOn(world, start, null, [], { evidence: [doubleVote(world, 2)] })
  // One of four is a quarter of the stake: three times that.
  t.match(one.state.accounts.trainers[2], {
    key: validators[2]!.publicKey,
    bond: 25n,
    leaving: 25n,
    slashed: 75n,
    convicted: { epoch: 0, stake: 100n }
  })
  t.equal(one.state.accounts.burnt, 38n)
  t.equal(one.state.accounts.trainers[0]!.balance, 37n, 'half is for the leader that brings it')
  t.equal(one.state.accounts.running.seats[2]!.stake, 100n, 'in its epoch it weighs what it did')
  const two = applyOn(world, one.state, one.block.header, [], { evidence: [doubleVote(world, 0)] })
  t.equal(two.state.accounts.trainers[0]!.bond, 0n, 'half of the stake by now')
  t.ok(conserved(two.state.accounts))
  const many = worldOf({}, [30n, 970n])
  const small = applyOn(many, many.start, null, [], { evidence: [doubleVote(many, 0)] })
  t.equal(small.state.accounts.trainers[0]!.slashed, 3n, '3 * 3 % = 9 % of 30, rounded up')
  const tiny = worldOf({}, [10n, 990n])
  const least = applyOn(tiny, tiny.start, null, [], { evidence: [doubleVote(tiny, 0)] })
  t.equal(least.state.accounts.trainers[0]!.slashed, 1n, '5 % of 10, rounded up')
})

t.test('applying what was not checked breaks an invariant', async t => {
  const made = makeDelta(world, start, validators[0]!)
  const block = blockOf(world, start, null, bodyOf(world, start, [made]))
  t.throws(() => applyBlock({ ...world, parent: start, block, deltas: new Map() }), { code: 'INVARIANT' })
  const proof = doubleVote(world, 1)
  const evidence = proof.kind === 'votes' ? [{ ...proof, second: proof.first }] : []
  const wrong: Block = { ...block, body: { ...block.body, evidence } }
  t.throws(() => applyBlock({ ...world, parent: start, block: wrong, deltas: held(made) }), {
    code: 'INVARIANT'
  })
  const poor = { ...start, accounts: { ...start.accounts, minted: 399n } }
  t.throws(() => applyBlock({ ...world, parent: poor, block, deltas: held(made) }), { code: 'INVARIANT' })
})

t.test('the cursor is a u64 in memory too, as in a checkpoint', async t => {
  const last = { ...start, accounts: { ...start.accounts, cursor: 2n ** 64n - 1n } }
  const parent = { ...last, root: stateRoot(last.accounts, last.leaves) }
  const { state } = applyOn(world, parent, null, [makeDelta(world, parent, validators[0]!)])
  t.equal(state.accounts.cursor, 4n * 10n * 8n - 1n)
  t.strictSame(
    unpackAccounts(decodeAccounts(encodeAccounts(state.accounts)) as PackedAccounts),
    state.accounts
  )
})

t.test('over random histories money is conserved, stakes never rise, the cursor is exact', async t => {
  fc.assert(
    fc.property(fc.nat(), seed => {
      const prng = new Prng(seed)
      const stakes = Array.from({ length: 4 }, () => BigInt(1 + prng.below(1000)))
      const mesh = worldOf({ rewardPerRound: BigInt(prng.below(2000)) }, stakes)
      const people: KeyPair[] = [...mesh.validators]
      let state = mesh.start
      let header: BlockHeader | null = null
      let rows = 0n
      let paid = 0n
      for (let i = 0; i < 6; i++) {
        if (prng.oneIn(4)) {
          const block: Block = blockOf(mesh, state, header, emptyBody)
          state = applyBlock({ ...mesh, parent: state, block, deltas: new Map() }).state
          header = block.header
          continue
        }
        const deltas = people
          .filter(() => prng.oneIn(2))
          .map(keys => makeDelta(mesh, state, keys, { steps: 1 + prng.below(10) }))
        const joiner = keysOf(`joiner ${seed} ${i}`)
        const txs = prng.oneIn(3)
          ? [signRegister({ key: joiner.publicKey, label: '' }, mesh.chainId, joiner)]
          : []
        const guilty = prng.below(4)
        const evidence =
          prng.oneIn(3) && state.accounts.trainers[guilty]!.slashed === 0n
            ? [doubleVote(mesh, guilty, i + 1)]
            : []
        rows += BigInt(people.length) * 80n
        const result = applyOn(mesh, state, header, deltas, { txs, evidence })
        const before = state.accounts
        state = result.state
        header = result.block.header
        if (txs.length > 0) people.push(joiner)
        if (deltas.length > 0) paid += mesh.genesis.rewardPerRound
        t.ok(
          before.trainers.every(
            ({ bond }, v) =>
              state.accounts.trainers[v]!.bond >= 0n && state.accounts.trainers[v]!.bond <= bond
          )
        )
        t.ok(conserved(state.accounts))
      }
      t.equal(state.accounts.cursor, rows)
      t.equal(state.accounts.minted, stakes.reduce((a, b) => a + b, 0n) + paid)
      t.strictSame(state.leaves, leafDigests(mesh.layout, state.weights))
    }),
    { numRuns: 15 }
  )
})
