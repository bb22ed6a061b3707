import { equalBytes, Prng } from '@gradmesh/core'
import { DigestList } from '@gradmesh/wire'
import fc from 'fast-check'
import t from 'tap'
import { encodeAccounts } from '../src/accounts.ts'
import {
  leafDigests,
  stateRoot,
  tensorDigest,
  treeRoot,
  updatedLeafDigests,
  verifyLeaf
} from '../src/roots.ts'
import { genesisState, restoreState } from '../src/state.ts'
import { initialWeights, layoutOf } from '../src/weights.ts'
import { worldOf } from './fixtures/world.ts'

const { genesis, start, layout } = worldOf()

t.test('genesis: validators train first, their stakes are the money', async t => {
  t.equal(start.accounts.minted, 400n)
  t.equal(start.accounts.trainers.length, 4)
  t.equal(start.accounts.round, 0)
  t.strictSame(genesisState(genesis), start)
  t.throws(() => genesisState({ ...genesis, privacy: 'sealed' }), { code: 'LEDGER_PRIVACY' })
})

t.test('initial weights: in bounds, by seed and name, biases zero', async t => {
  const weights = initialWeights(genesis, layout)
  const [w, frozen, b] = layout.tensors.map(({ firstChunk, length }) =>
    weights.subarray(firstChunk * layout.chunk, firstChunk * layout.chunk + length)
  )
  t.ok(w!.every(value => Math.abs(value) <= 1_000_000) && w!.some(value => Math.abs(value) > 900_000))
  t.ok(frozen!.some(value => value === 500) || frozen!.some(value => Math.abs(value) > 400))
  t.ok(b!.every(value => value === 0))
  t.notSame(initialWeights({ ...genesis, seed: new Uint8Array(32) }, layout), weights)
  const renamed = genesis.tensors.map(tensor => ({ ...tensor, name: `${tensor.name}2` }))
  t.notSame(initialWeights({ ...genesis, tensors: renamed }, layout), weights)
})

t.test('base weights come by digest', async t => {
  const base = Int32Array.from({ length: 40 }, (_, i) => i - 20)
  const tensors = genesis.tensors.map((tensor, i) =>
    i === 1 ? { ...tensor, initBound: 0, base: tensorDigest(base) } : tensor
  )
  const based = { ...genesis, tensors }
  const state = genesisState(based, new Map([['frozen', base]]))
  const { firstChunk } = layout.tensors[1]!
  t.strictSame(state.weights.subarray(firstChunk * 128, firstChunk * 128 + 40), base)
  t.throws(() => genesisState(based), { code: 'LEDGER_BASE' })
  t.throws(() => genesisState(based, new Map([['frozen', base.map(v => v + 1)]])), { code: 'LEDGER_BASE' })
  t.throws(() => genesisState(based, new Map([['frozen', base.subarray(1)]])), { code: 'LEDGER_BASE' })
})

t.test('the tree is that of RFC 6962', async t => {
  const leaves = Array.from({ length: 7 }, (_, i) => new Uint8Array(32).fill(i))
  const [l0, l1, l2, l3, l4, l5, l6] = leaves
  const rootOf = (...digests: Uint8Array[]) => treeRoot(DigestList.from(digests))
  t.strictSame(rootOf(l0!), l0)
  t.strictSame(rootOf(l0!, l1!, l2!), rootOf(rootOf(l0!, l1!), l2!))
  t.strictSame(
    rootOf(...leaves),
    rootOf(rootOf(rootOf(l0!, l1!), rootOf(l2!, l3!)), rootOf(rootOf(l4!, l5!), l6!))
  )
  t.throws(() => rootOf(), { code: 'INVARIANT' })
})

t.test('hashing only what changed gives the same leaves', async t => {
  fc.assert(
    fc.property(fc.array(fc.nat(start.weights.length - 1), { maxLength: 5 }), touched => {
      const after = new Int32Array(start.weights)
      for (const j of touched) after[j]! ^= 1
      const updated = updatedLeafDigests(layout, start, after)
      t.strictSame(updated, leafDigests(layout, after))
      const chunks = new Set(
        touched.filter(j => after[j] !== start.weights[j]).map(j => Math.floor(j / layout.chunk))
      )
      t.ok(updated.every((digest, c) => chunks.has(c) || equalBytes(digest, start.leaves.part(c))))
    }),
    { numRuns: 50 }
  )
})

const leafBytes = (index: number): Uint8Array =>
  new Uint8Array(start.weights.slice(index * layout.chunk, (index + 1) * layout.chunk).buffer)

t.test('any flipped bit of a leaf shows', async t => {
  for (let index = 0; index < layout.chunks; index++) {
    t.strictSame(
      verifyLeaf(layout, start.leaves, index, leafBytes(index)),
      start.weights.slice(index * 128, (index + 1) * 128)
    )
  }
  const prng = new Prng('flips')
  for (let i = 0; i < 200; i++) {
    const index = prng.below(layout.chunks)
    const bytes = leafBytes(index)
    bytes[prng.below(bytes.length)]! ^= 1 << prng.below(8)
    t.match(verifyLeaf(layout, start.leaves, index, bytes), { fault: 'LEDGER_LEAF_DIGEST' })
  }
  t.match(verifyLeaf(layout, start.leaves, 1, leafBytes(0)), { fault: 'LEDGER_LEAF_DIGEST' }, 'another leaf')
  t.match(verifyLeaf(layout, start.leaves, 0, leafBytes(0).subarray(1)), { fault: 'LEDGER_LEAF_LENGTH' })
  t.match(verifyLeaf(layout, start.leaves, layout.chunks, leafBytes(0)), { fault: 'LEDGER_LEAF_LENGTH' })
})

t.test('a checkpoint is taken whole or not at all', async t => {
  const accounts = encodeAccounts(start.accounts)
  const restore = (
    change: { accounts?: Uint8Array; leaves?: DigestList; weights?: Int32Array; root?: Uint8Array } = {}
  ) =>
    restoreState(
      genesis,
      change.accounts ?? accounts,
      change.leaves ?? start.leaves,
      change.weights ?? start.weights,
      change.root ?? start.root
    )
  t.strictSame(restore(), start)
  t.strictSame(restoreState(genesis, accounts, start.leaves, start.weights), start)
  t.match(restore({ accounts: accounts.subarray(1) }), { fault: 'LEDGER_ACCOUNTS' })
  t.match(restore({ root: new Uint8Array(32) }), {
    fault: 'LEDGER_CHECKPOINT_ROOT'
  })
  t.match(restore({ leaves: DigestList.from([...start.leaves].slice(1)) }), {
    fault: 'LEDGER_CHECKPOINT_LENGTH'
  })
  t.match(restore({ weights: start.weights.subarray(1) }), { fault: 'LEDGER_CHECKPOINT_LENGTH' })
  t.match(restore({ leaves: DigestList.from([...start.leaves].reverse()) }), {
    fault: 'LEDGER_CHECKPOINT_ROOT'
  })
  const flipped = new Int32Array(start.weights)
  flipped[300]! ^= 1
  t.match(restore({ weights: flipped }), { fault: 'LEDGER_LEAF_DIGEST', detail: 'leaf 2' })
  // A liar with consistent leaves still lacks the root.
  const lies = leafDigests(layout, flipped)
  t.match(restore({ weights: flipped, leaves: lies }), { fault: 'LEDGER_CHECKPOINT_ROOT' })
  const forged = (change: object) => restore({ accounts: encodeAccounts({ ...start.accounts, ...change }) })
  t.match(forged({ minted: 500n }), { fault: 'LEDGER_ACCOUNTS_MONEY' })
  t.match(forged({ height: 1 }), { fault: 'LEDGER_CHECKPOINT_ROOT' })
  t.match(forged({ round: 4 }), { fault: 'LEDGER_CHECKPOINT_ROOT' })
  t.match(forged({ epoch: 1 }), { fault: 'LEDGER_ACCOUNTS_GENESIS' })
  const { next } = start.accounts
  t.match(forged({ next: { ...next, seats: next.seats.slice(1) } }), { fault: 'LEDGER_CHECKPOINT_ROOT' })
  t.match(forged({ next: { ...next, seats: [{ ...next.seats[0]!, trainer: 9 }] } }), {
    fault: 'LEDGER_ACCOUNTS_GENESIS'
  })
  t.match(forged({ trainers: [...start.accounts.trainers].reverse() }), { fault: 'LEDGER_ACCOUNTS_GENESIS' })
  const richer = start.accounts.trainers.map(account => ({ ...account, bond: 101n }))
  t.match(forged({ trainers: richer, minted: 404n }), { fault: 'LEDGER_CHECKPOINT_ROOT' })
})

t.test('the root covers accounts and weights', async t => {
  t.strictSame(stateRoot(start.accounts, start.leaves), start.root)
  t.notSame(stateRoot({ ...start.accounts, round: 1 }, start.leaves), start.root)
  t.notSame(stateRoot(start.accounts, DigestList.from([...start.leaves].reverse())), start.root)
  t.strictSame(layoutOf(genesis), layout)
})
