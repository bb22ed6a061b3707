/** Which block frees a restored key, and in what order. */
import { silentLogger, systemClock } from '@gradmesh/core'
import { type Block, decodeTransaction, type RenewTx, type Transaction } from '@gradmesh/wire'
import t from 'tap'
import type { Context } from '../../src/context.ts'
import { Renewing } from '../../src/round/renewing.ts'
import type { FinalPoint } from '../../src/state/ledger.ts'
import { keysOf, validatorKeys } from '../fixtures/script.ts'

const [keys] = validatorKeys as [(typeof validatorKeys)[number]]
const blockWith = (txs: readonly Transaction[], slot = 40): Block =>
  ({ header: { slot, round: 7, height: 30 }, body: { txs } }) as unknown as Block

const restored = (nonce: number | null) => {
  const done: unknown[] = []
  const sent: Transaction[] = []
  const context = {
    keys,
    chainId: new Uint8Array(32),
    clock: systemClock,
    log: silentLogger,
    topics: { transactions: { name: 'transactions' } },
    net: { publish: async () => {} },
    safety: { prune: async (bounds: object) => void done.push(bounds) }
  } as unknown as Context
  const final = {
    trainerIndex: () => (nonce === null ? undefined : 0),
    accounts: { trainers: [{ nonce }] }
  } as unknown as FinalPoint
  const transactions = { offer: (bytes: Uint8Array) => void sent.push(decodeTransaction(bytes) as RenewTx) }
  const mark = { isThere: async () => true, clear: async () => void done.push('cleared') }
  const renewing = new Renewing(context, {
    final: () => final,
    transactions: transactions as never,
    mark
  })
  return { renewing, sent, done }
}

t.test('only a block with its own new number frees it, and the disk knows first', async t => {
  const { renewing, sent, done } = restored(3)
  renewing.ask()
  const [renew] = sent as [RenewTx]
  t.match(renew, { kind: 'renew', key: keys.publicKey, nonce: 3 })
  const others: Transaction[] = [
    { ...renew, salt: new Uint8Array(32).fill(1) },
    { ...renew, key: keysOf('somebody else').publicKey },
    { kind: 'leave', key: renew.key, nonce: 3, signature: renew.signature }
  ]
  t.equal(await renewing.see([blockWith([]), blockWith(others)]), false)
  t.ok(renewing.isPending)
  t.equal(await renewing.see([blockWith([]), blockWith([...others, renew])]), true)
  t.notOk(renewing.isPending)
  t.strictSame(done, [{ slot: 41, round: 8 }, 'cleared'], 'nothing can be signed at or below the block')
  t.equal(await renewing.see([blockWith([renew])]), false, 'once')
})

t.test('where a descendant has the certificate, the key is free above that one alone', async t => {
  const { renewing, sent, done } = restored(3)
  renewing.ask()
  t.equal(await renewing.see([blockWith(sent), blockWith([], 44)]), true)
  t.match(done, [{ slot: 45 }], 'slot 40 may have been skipped before the block was made')
})

t.test('each life draws another number; who is not registered waits', async t => {
  const [a, b, stranger] = [restored(0), restored(0), restored(null)]
  for (const { renewing } of [a, b, stranger]) renewing.ask()
  t.notSame((a.sent[0] as RenewTx).salt, (b.sent[0] as RenewTx).salt)
  t.strictSame(stranger.sent, [])
  for (const { renewing } of [a, b, stranger]) renewing.stop()
})
