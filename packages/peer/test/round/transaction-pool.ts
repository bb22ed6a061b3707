import { systemClock, toHex } from '@gradmesh/core'
import { createMemoryHub } from '@gradmesh/net/memory'
import { encodeTransaction, signRegister } from '@gradmesh/wire'
import t from 'tap'
import { TransactionPool } from '../../src/round/transaction-pool.ts'
import { FinalPoint } from '../../src/state/ledger.ts'
import { makeNode } from '../fixtures/node.ts'
import { keysOf, Script, validatorKeys } from '../fixtures/script.ts'

const script = new Script()

t.test('registrations wait for a block, one a key, and go when the ledger has them', async t => {
  const node = await makeNode(script, createMemoryHub(), validatorKeys[0]!)
  t.teardown(() => node.close())
  let nowMs = 0
  const pool = new TransactionPool({ ...node.context, clock: { ...systemClock, nowMs: () => nowMs } })
  const head = {
    id: toHex(script.chainId),
    height: 0,
    root: script.state.root,
    accounts: script.state.accounts
  }
  const final = new FinalPoint(head, null)
  const register = (name: string, label = name, signer = keysOf(name)): Uint8Array =>
    encodeTransaction(signRegister({ key: keysOf(name).publicKey, label }, script.chainId, signer))

  t.equal(pool.offer(register('ann'), final, 'neighbour'), null)
  t.match(
    pool.offer(register('ann', 'second thought'), final, 'neighbour'),
    { fault: 'TX_KNOWN' },
    'taken, and not passed on so soon'
  )
  t.equal(pool.offer(register('bob'), final, 'neighbour'), null)
  t.match(pool.offer(register('eve', 'eve', keysOf('mallory')), final, 'neighbour'), {
    fault: 'WIRE_SIGNATURE'
  })
  t.match(pool.offer(new Uint8Array(5), final, 'neighbour'), { fault: /^WIRE_/ })
  const own = encodeTransaction(
    signRegister({ key: validatorKeys[1]!.publicKey, label: '' }, script.chainId, validatorKeys[1]!)
  )
  t.match(pool.offer(own, final, 'neighbour'), { fault: 'TX_KNOWN' })
  t.strictSame(
    new Set(pool.forBlock(final).map(({ key }) => toHex(key))),
    new Set(['ann', 'bob'].map(name => toHex(keysOf(name).publicKey)))
  )

  const [trainer] = script.state.accounts.trainers
  const registered = { ...trainer!, key: keysOf('ann').publicKey, label: 'ann' }
  const accounts = { ...head.accounts, trainers: [...head.accounts.trainers, registered] }
  const after = new FinalPoint({ ...head, accounts }, null)
  t.strictSame(
    pool.forBlock(after).map(({ key }) => toHex(key)),
    [toHex(keysOf('bob').publicKey)]
  )
  t.match(pool.offer(register('ann'), after, 'neighbour'), { fault: 'TX_KNOWN' })

  for (let i = 0; i < 1023; i++) pool.offer(register(`many ${i}`), after, 'neighbour')
  t.match(pool.offer(register('one too many'), after, 'neighbour'), { fault: 'TX_FULL' })

  t.equal(pool.offer(register('one of our own'), after, null), null, 'our own always gets in')
  for (let i = 0; i < 400; i++) t.equal(pool.offer(register(`other ${i}`), after, 'other'), null)
  for (let i = 0; i < 300; i++) pool.offer(register(`third ${i}`), after, 'third')
  t.match(pool.offer(register('more of many'), after, 'neighbour'), { fault: 'TX_FULL' })
  t.equal(
    pool.offer(register('a fourth'), after, 'fourth'),
    null,
    'a flood leaves room for whoever brings less'
  )
  nowMs += 2000
  t.equal(
    pool.offer(register('other 0', 'again'), after, 'neighbour'),
    null,
    'a key that waits may change its mind'
  )
})
