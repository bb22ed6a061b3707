import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex } from '@gradmesh/core'
import type { ChainStore } from '@gradmesh/store'
import { type Ticket, validatorSetHash } from '@gradmesh/wire'
import t from 'tap'
import { checkTrust, writeTrust } from '../../src/sync/trust.ts'
import { smallGenesis } from '../fixtures/script.ts'

const ID = 'ab'.repeat(32)
const OTHER = 'cd'.repeat(32)
const genesis = smallGenesis()
const chainWith = (blocks: Record<number, string>, base = 0): ChainStore =>
  ({
    base: () => ({ height: base }),
    idAt: async (height: number) => fromHex(blocks[height] ?? 'x'),
    meta: async () => undefined
  }) as unknown as ChainStore
const ticket = (height: number, set = validatorSetHash(genesis.validators)): Ticket =>
  ({ height, blockId: fromHex(ID), validatorSetHash: set }) as Ticket

t.test('the chain must hold the block that the ticket names', async t => {
  const folder = t.testdir({})
  await writeTrust(folder, ticket(7))
  await t.resolves(checkTrust(folder, chainWith({ 7: ID }), genesis))
  await t.rejects(checkTrust(folder, chainWith({ 7: OTHER }), genesis), {
    code: 'JOIN_TRUST',
    data: { height: 7, held: OTHER }
  })
  await t.resolves(
    checkTrust(folder, chainWith({}, 9), genesis),
    'a chain that starts above has its validators'
  )
})

t.test('a chain that starts above the block must have had the validators', async t => {
  const folder = t.testdir({})
  await writeTrust(folder, ticket(7, new Uint8Array(32).fill(9)))
  await t.resolves(checkTrust(folder, chainWith({}), genesis), 'or not have come that far')
  await t.rejects(checkTrust(folder, chainWith({}, 9), genesis), { code: 'JOIN_TRUST' })
})

t.test('the first ticket counts; one of a new mesh vouches for nothing', async t => {
  const folder = t.testdir({})
  await writeTrust(folder, ticket(0))
  await t.resolves(checkTrust(folder, chainWith({ 0: OTHER }), genesis))
  await writeTrust(folder, ticket(7))
  await writeTrust(folder, ticket(8))
  await t.rejects(checkTrust(folder, chainWith({ 7: OTHER }), genesis), { code: 'JOIN_TRUST' })
})

t.test('a damaged file is told, not passed over', async t => {
  const folder = t.testdir({})
  await writeFile(join(folder, 'trust'), 'nonsense')
  await t.rejects(checkTrust(folder, chainWith({ 7: OTHER }), genesis), {
    code: 'JOIN_TRUST',
    remedy: 'gradmesh join'
  })
})
