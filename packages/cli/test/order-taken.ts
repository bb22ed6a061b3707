import type { Client } from '@gradmesh/api'
import { MeshError } from '@gradmesh/core'
import t from 'tap'
import { untilTaken } from '../src/order-taken.ts'

const KEY = 'ab'.repeat(32)
const ORDER = { id: 'the order', key: KEY, nonce: 3, transaction: '00', from: 5 }
const PATIENCE = { wholeMs: 60_000, pollMs: 1, submitEveryMs: 3 }

const refused = async (code: string): Promise<never> => {
  throw new MeshError(code, 'as told')
}

/** A peer of which each look finds the next of these heads; block 6 has the order. */
const peerAt = (heads: readonly (number | 'away')[], { nonce = 3, submit = async () => ({}) } = {}) => {
  const asked: number[] = []
  let at = 0
  const client = {
    status: async () => ({ round: 1 }),
    stakes: async () => {
      const head = heads[Math.min(at++, heads.length - 1)]!
      if (head === 'away') return refused('API_UNREACHABLE')
      return { height: head, trainers: [{ key: KEY, nonce }] }
    },
    block: async ({ height }: { height: number }) => {
      asked.push(height)
      return { epoch: 2, transactions: height === 6 ? [{ id: ORDER.id }] : [] }
    },
    submit
  }
  return { asked, client: client as unknown as Client }
}

t.test('each final block is looked at once, until one has the order', async t => {
  const { client, asked } = peerAt([4, 5, 5, 8])
  t.strictSame(await untilTaken(client, ORDER, PATIENCE), { height: 6, takenIn: 2 })
  t.strictSame(asked, [5, 6])
})

t.test('a peer that is away for a moment, and one that refuses what it has taken already', async t => {
  let sent = 0
  const submit = () => {
    sent++
    return refused('TRANSACTION_REFUSED')
  }
  const { client } = peerAt(['away', ...Array<number>(20).fill(4), 'away', 6], { submit })
  t.match(await untilTaken(client, ORDER, PATIENCE), { height: 6 })
  t.ok(sent > 0, 'it was sent again')
})

t.test('what does not come, and what came in its place', async t => {
  await t.rejects(untilTaken(peerAt([4]).client, ORDER, { ...PATIENCE, wholeMs: 50 }), {
    code: 'STAKE_UNDECIDED'
  })
  await t.rejects(untilTaken(peerAt([5], { nonce: 4 }).client, ORDER, PATIENCE), { code: 'STAKE_REPLACED' })
  const submit = () => refused('HTTP_TOKEN')
  await t.rejects(untilTaken(peerAt([4], { submit }).client, ORDER, PATIENCE), { code: 'HTTP_TOKEN' })
})
