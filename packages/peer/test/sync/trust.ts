import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex } from '@gradmesh/core'
import type { ChainStore } from '@gradmesh/store'
import type { Ticket } from '@gradmesh/wire'
import t from 'tap'
import { checkTrust, writeTrust } from '../../src/sync/trust.ts'

const ID = 'ab'.repeat(32)
const OTHER = 'cd'.repeat(32)
const chainWith = (blocks: Record<number, string>): ChainStore =>
  ({ idAt: async (height: number) => fromHex(blocks[height] ?? 'x') }) as unknown as ChainStore
const ticket = (height: number): Ticket => ({ height, blockId: fromHex(ID) }) as Ticket

t.test('the chain must hold the block that the ticket names', async t => {
  const folder = t.testdir({})
  await writeTrust(folder, ticket(7))
  await t.resolves(checkTrust(folder, chainWith({ 7: ID })))
  await t.rejects(checkTrust(folder, chainWith({ 7: OTHER })), {
    code: 'JOIN_TRUST',
    data: { height: 7, held: OTHER }
  })
  await t.resolves(checkTrust(folder, chainWith({})), 'a chain that starts above can not be compared')
})

t.test('the first ticket counts; one of a new mesh vouches for nothing', async t => {
  const folder = t.testdir({})
  await writeTrust(folder, ticket(0))
  await t.resolves(checkTrust(folder, chainWith({ 0: OTHER })))
  await writeTrust(folder, ticket(7))
  await writeTrust(folder, ticket(8))
  await t.rejects(checkTrust(folder, chainWith({ 7: OTHER })), { code: 'JOIN_TRUST' })
})

t.test('a damaged file is no reason to refuse', async t => {
  const folder = t.testdir({})
  await writeFile(join(folder, 'trust'), 'nonsense')
  await t.resolves(checkTrust(folder, chainWith({ 7: OTHER })))
})
