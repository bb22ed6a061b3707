/** Bytes and digests that no release may change without a new protocol version. */
import { readFileSync } from 'node:fs'
import { fromHex, sha256, toHex, utf8 } from '@gradmesh/core'
import t from 'tap'
import { encodeAccounts } from '../src/accounts.ts'
import { assignRows } from '../src/assignment.ts'
import { historyOf } from './fixtures/history.ts'

interface Vectors {
  readonly chainId: string
  readonly initialWeights: string
  /** The states of `fixtures/history.ts`, the genesis first. */
  readonly states: readonly {
    readonly accounts: string
    readonly leaves: readonly string[]
    readonly transcriptRoot: string
    readonly root: string
  }[]
  readonly assignments: readonly {
    readonly seed: string
    readonly cursor: string
    readonly trainerIndex: number
    readonly trainerCount: number
    readonly innerSteps: number
    readonly batch: number
    readonly samples: number
    readonly rows: readonly number[]
  }[]
}

const path = new URL('vectors/ledger.json', import.meta.url)
const vectors = JSON.parse(readFileSync(path, 'utf8')) as Vectors

const { world, states } = historyOf()

t.test('genesis', async t => {
  t.equal(toHex(world.chainId), vectors.chainId)
  const weights = new Uint8Array(world.start.weights.length * 4)
  const view = new DataView(weights.buffer)
  world.start.weights.forEach((value, i) => {
    view.setInt32(4 * i, value, true)
  })
  t.equal(toHex(sha256(weights)), vectors.initialWeights)
})

t.test('states', async t => {
  t.equal(vectors.states.length, states.length)
  for (const [i, { accounts, leaves, root }] of states.entries()) {
    const want = vectors.states[i]!
    t.equal(toHex(encodeAccounts(accounts)), want.accounts)
    t.strictSame(leaves.map(toHex), want.leaves)
    t.equal(toHex(accounts.transcriptRoot), want.transcriptRoot)
    t.equal(toHex(root), want.root)
  }
})

t.test('assignments', async t => {
  for (const { rows, ...vector } of vectors.assignments) {
    const assignment = { ...vector, seed: fromHex(vector.seed)!, cursor: BigInt(vector.cursor) }
    t.strictSame([...assignRows(assignment)], rows)
  }
  t.equal(vectors.assignments[0]!.seed, toHex(sha256(utf8('assignment'))))
})
