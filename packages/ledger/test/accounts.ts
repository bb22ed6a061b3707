import { isFault, Prng } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import { conserved, decodeAccounts, encodeAccounts, unpackAccounts } from '../src/accounts.ts'
import { stateRoot } from '../src/roots.ts'
import type { Accounts, PackedAccounts } from '../src/types.ts'
import { worldOf } from './fixtures/world.ts'

const u32 = fc.nat(0xffff_ffff)
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const plain = { noNullPrototype: true } as const
const dues = fc.array(fc.record({ round: u32, amount: u64 }, plain), { maxLength: 17 })
const anySet = fc.record(
  {
    leaderSeed: bytes32,
    seats: fc.array(fc.record({ key: bytes32, stake: u64, trainer: u32 }, plain), {
      minLength: 1,
      maxLength: 5
    })
  },
  plain
)
const anyAccounts: fc.Arbitrary<Accounts> = fc.record(
  {
    height: u32,
    round: u32,
    cursor: u64,
    transcriptRoot: bytes32,
    minted: u64,
    burnt: u64,
    epoch: u32,
    running: anySet,
    next: anySet,
    trainers: fc.array(
      fc.record(
        {
          key: bytes32,
          label: fc.constantFrom('', 'a', 'Åsa', '👩‍🔬', '\ufeffbom', 'x'.repeat(32)),
          since: u32,
          accepted: u32,
          lastRound: fc.integer({ min: -1, max: 0xffff_fffe }),
          nonce: u32,
          balance: u64,
          bond: u64,
          leaving: u64,
          unbonding: dues,
          vesting: dues,
          slashed: u64,
          convicted: fc.option(fc.record({ epoch: u32, stake: u64 }, plain)),
          absent: u32
        },
        plain
      ),
      { maxLength: 5 }
    )
  },
  plain
)

t.test('what is encoded comes back', async t => {
  fc.assert(
    fc.property(anyAccounts, accounts => {
      t.strictSame(unpackAccounts(decodeAccounts(encodeAccounts(accounts)) as PackedAccounts), accounts)
    }),
    { numRuns: 100 }
  )
})

t.test('hostile bytes: an answer, never an exception, and one encoding a value', async t => {
  const prng = new Prng('accounts')
  const good = encodeAccounts(worldOf().start.accounts)
  let refused = 0
  const offer = (bytes: Uint8Array): void => {
    const accounts = decodeAccounts(bytes)
    if (isFault(accounts)) {
      t.equal(accounts.fault, 'LEDGER_ACCOUNTS')
      refused++
    } else if (Buffer.compare(encodeAccounts(accounts), bytes) !== 0) t.fail('two encodings')
  }
  for (let i = 0; i < 2000; i++) {
    const mutant = new Uint8Array(good)
    mutant[prng.below(good.length)]! ^= 1 << prng.below(8)
    offer(mutant)
  }
  for (let length = 0; length < good.length; length += 3) offer(good.subarray(0, length))
  offer(Uint8Array.of(...good, 0))
  offer(new Uint8Array(500).fill(255))
  t.ok(refused > 100)
})

t.test('every field moves the root', async t => {
  const { accounts, leaves } = worldOf().start
  const { running } = accounts
  const seat = (change: object) => ({ ...running, seats: [{ ...running.seats[0]!, ...change }] })
  const [trainer] = accounts.trainers
  const rootOf = (changed: Accounts) => stateRoot(changed, leaves)
  const changes: Partial<Accounts>[] = [
    { height: 1 },
    { round: 1 },
    { cursor: 1n },
    { transcriptRoot: new Uint8Array(32) },
    { minted: 1n },
    { burnt: 1n },
    { epoch: 1 },
    { running: { ...running, leaderSeed: new Uint8Array(32) } },
    { running: seat({ stake: 1n }) },
    { running: seat({ trainer: 1 }) },
    { next: seat({ key: new Uint8Array(32) }) },
    { trainers: [{ ...trainer!, label: 'x' }] },
    { trainers: [{ ...trainer!, since: 1 }] },
    { trainers: [{ ...trainer!, accepted: 1 }] },
    { trainers: [{ ...trainer!, lastRound: 0 }] },
    { trainers: [{ ...trainer!, nonce: 1 }] },
    { trainers: [{ ...trainer!, absent: 1 }] },
    { trainers: [{ ...trainer!, balance: 1n }] },
    { trainers: [{ ...trainer!, bond: 1n }] },
    { trainers: [{ ...trainer!, leaving: 1n }] },
    { trainers: [{ ...trainer!, slashed: 1n }] },
    { trainers: [{ ...trainer!, unbonding: [{ round: 1, amount: 1n }] }] },
    { trainers: [{ ...trainer!, vesting: [{ round: 1, amount: 1n }] }] },
    { trainers: [{ ...trainer!, convicted: { epoch: 0, stake: 0n } }] }
  ]
  for (const change of changes) {
    const base = {
      ...accounts,
      ...(change.running && { running: seat({}) }),
      ...(change.next && { next: seat({}) }),
      ...(change.trainers && { trainers: [trainer!] })
    }
    t.notSame(rootOf({ ...base, ...change }), rootOf(base), Object.keys(change)[0]!)
  }
})

t.test('conserved counts every account', async t => {
  const { accounts } = worldOf().start
  t.ok(conserved(accounts))
  t.notOk(conserved({ ...accounts, minted: accounts.minted + 1n }))
  t.notOk(conserved({ ...accounts, burnt: 1n }))
  t.ok(conserved({ ...accounts, minted: accounts.minted + 1n, burnt: 1n }))
})
