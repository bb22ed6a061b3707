import { toHex } from '@gradmesh/core'
import { createMemoryHub } from '@gradmesh/net/memory'
import { encodeTransaction, signRegister } from '@gradmesh/wire'
import t from 'tap'
import { FinalPoint } from '../src/ledger.ts'
import { TransactionPool } from '../src/transaction-pool.ts'
import { makeNode } from './fixtures/node.ts'
import { keysOf, Script, validatorKeys } from './fixtures/script.ts'

const script = new Script()

t.test('registrations wait for a block, one a key, and go when the ledger has them', async t => {
  const node = await makeNode(script, createMemoryHub(), validatorKeys[0]!)
  t.teardown(() => node.close())
  const pool = new TransactionPool(node.context)
  const head = {
    id: toHex(script.chainId),
    height: 0,
    root: script.state.root,
    accounts: script.state.accounts
  }
  const final = new FinalPoint(head, null)
  const register = (name: string, label = name, signer = keysOf(name)): Uint8Array =>
    encodeTransaction(signRegister({ key: keysOf(name).publicKey, label }, script.chainId, signer))

  t.equal(pool.offer(register('ann'), final), null)
  t.equal(pool.offer(register('ann', 'second thought'), final), null)
  t.equal(pool.offer(register('bob'), final), null)
  t.match(pool.offer(register('eve', 'eve', keysOf('mallory')), final), { fault: 'WIRE_SIGNATURE' })
  t.match(pool.offer(new Uint8Array(5), final), { fault: /^WIRE_/ })
  const own = encodeTransaction(
    signRegister({ key: validatorKeys[1]!.publicKey, label: '' }, script.chainId, validatorKeys[1]!)
  )
  t.match(pool.offer(own, final), { fault: 'TX_KNOWN' })
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
  t.match(pool.offer(register('ann'), after), { fault: 'TX_KNOWN' })

  for (let i = 0; i < 1023; i++) pool.offer(register(`many ${i}`), after)
  t.match(pool.offer(register('one too many'), after), { fault: 'TX_FULL' })
})
