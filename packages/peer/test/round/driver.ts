import { leaderOf } from '@gradmesh/consensus'
import { createMemoryHub } from '@gradmesh/net/memory'
import { type Block, blockIdOf, decodeVote, encodeSignedDelta, VoteKind } from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { DeltaPool } from '../../src/round/delta-pool.ts'
import { Driver } from '../../src/round/driver.ts'
import { Evidences } from '../../src/round/evidences.ts'
import { FinalPoint, Ledger } from '../../src/state/ledger.ts'
import { openGenesis } from '../../src/sync/restoring.ts'
import { resumeVoting } from '../../src/sync/resuming.ts'
import { makeNode } from '../fixtures/node.ts'
import { Script, validatorKeys } from '../fixtures/script.ts'

const voting = async (t: Test, fetchBlock: () => Promise<Block | undefined> = async () => undefined) => {
  const script = new Script()
  const deltas = validatorKeys.map(keys => script.delta(keys))
  const block = script.next(script.roundBody(deltas))
  const { validators, seed } = script.genesis
  const leader = leaderOf({ validators: [...validators], leaderSeed: seed }, block.header.slot)
  const self = (leader + 1) % validatorKeys.length
  const node = await makeNode(script, createMemoryHub(), validatorKeys[self]!)
  t.teardown(() => node.close())
  const { context } = node
  await node.net.start()
  const votes: VoteKind[] = []
  node.net.publish = async (topic, bytes) => {
    const vote = topic === context.topics.votes.name ? decodeVote(bytes) : undefined
    if (vote !== undefined && !('fault' in vote)) votes.push(vote.kind)
  }
  const head = await openGenesis(node.chain, context.state)
  const final = new FinalPoint(head, null)
  const evidences = new Evidences(script.chainId, script.genesis.epochs)
  const pool = new DeltaPool(context, evidences, final)
  const ledger = new Ledger(context, pool, final, head, 0)
  const driver = new Driver(context, {
    ledger,
    evidences,
    propose: async () => undefined,
    fetchBlock,
    sync: () => {},
    onSlot: () => {},
    resume: () => resumeVoting(context, ledger)
  })
  t.teardown(() => driver.stop())
  driver.start((await resumeVoting(context, ledger))!)
  return { script, deltas, block, driver, pool, votes, node, ledger }
}

const settled = async (is: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000 && !is(); i++) await new Promise(resolve => setTimeout(resolve, 2))
}

t.test('a payload that was missing when the block came is looked for again while its slot lasts', async t => {
  const { deltas, block, driver, pool, votes, node } = await voting(t)
  for (const delta of deltas.slice(1)) await pool.offer(encodeSignedDelta(delta))
  t.equal(driver.admitting.takeBlock(block), null)
  await new Promise(resolve => setTimeout(resolve, 60))
  t.strictSame(votes, [], 'nothing is signed for what is not held')
  await pool.offer(encodeSignedDelta(deltas[0]!))
  await settled(() => votes.length > 0)
  t.strictSame(votes, [VoteKind.NOTAR], 'and no SKIP went before it')
  t.ok(await node.chain.block(blockIdOf(block.header)))
  t.strictSame(node.failures, [])
})

t.test('a block that is looked for is not looked for again beside it', async t => {
  const walks: ((block: Block | undefined) => void)[] = []
  const { driver, script, block, ledger } = await voting(t, () => new Promise(resolve => walks.push(resolve)))
  driver.admitting.takeCertificate(script.certify(block, VoteKind.NOTAR))
  await settled(() => walks.length > 0)
  await new Promise(resolve => setTimeout(resolve, 2500))
  t.equal(walks.length, 1)
  walks[0]!(undefined)
  await settled(() => walks.length > 1)
  walks[1]!(block)
  await settled(() => ledger.liveBlocks().length > 0)
  t.equal(ledger.liveBlocks().length, 1, 'and again when that has come to nothing')
})

t.test('what it keeps is counted, beside what it may keep', async t => {
  const { driver, pool, block, deltas, ledger, votes } = await voting(t)
  for (const delta of deltas) await pool.offer(encodeSignedDelta(delta))
  driver.admitting.takeBlock(block)
  await settled(() => votes.length > 0)
  const extent = { trainers: 4, seats: 4, connections: 0, slots: driver.slots, liveBlocks: 1 }
  const account = [driver, pool, ledger].flatMap(part => part.held(extent))
  t.ok(account.every(({ entries, max }) => entries <= max))
  const of = (wanted: string): number => account.find(({ what }) => what === wanted)!.entries
  t.equal(of('deltas'), 4)
  t.equal(of('live blocks'), 1)
  t.equal(of('blocks of the vote'), 1)
})
