import { toHex } from '@gradmesh/core'
import { createMemoryHub } from '@gradmesh/net/memory'
import {
  type Block,
  type BlockHeader,
  blockIdOf,
  DigestList,
  deltaDigest,
  encodeSignedDelta,
  signBlock
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { digestOf } from '../../src/context.ts'
import { DeltaPool } from '../../src/round/delta-pool.ts'
import { Evidences } from '../../src/round/evidences.ts'
import { type FinalChange, FinalPoint, Ledger } from '../../src/state/ledger.ts'
import { openGenesis } from '../../src/sync/restoring.ts'
import { resumeVoting } from '../../src/sync/resuming.ts'
import { serveRequests } from '../../src/sync/serving.ts'
import { makeNode, type Node } from '../fixtures/node.ts'
import { keysOf, Script, smallGenesis, validatorKeys } from '../fixtures/script.ts'

const script = new Script().grow(6)

const nothing = { ledger: () => undefined, driver: () => undefined, pool: () => undefined, onHello: () => {} }

/** A peer at the genesis, and one that has the whole history for it to pull from. */
const behind = async (t: Test, of = script): Promise<{ node: Node; ledger: Ledger; pool: DeltaPool }> => {
  const hub = createMemoryHub()
  const source = await makeNode(of, hub, keysOf('source'))
  t.teardown(() => source.close())
  await of.store(source.chain)
  serveRequests(source.context, nothing, 'test')
  await source.net.start()
  const node = await makeNode(of, hub, validatorKeys[0]!)
  t.teardown(() => node.close())
  await node.net.start()
  await node.net.dial(source.net.addresses()[0]!)
  const head = await openGenesis(node.chain, node.context.state)
  const final = new FinalPoint(head, null)
  const pool = new DeltaPool(node.context, new Evidences(of.chainId, of.genesis.epochs), final)
  const ledger = new Ledger(node.context, pool, final, head, 0)
  t.teardown(() => ledger.stop())
  return { node, ledger, pool }
}

t.test('who registers is known from that final point on, and not before', async t => {
  const { root, accounts } = script.state
  const [one] = accounts.trainers
  const known = accounts.trainers.length
  const newcomers = [keysOf('first newcomer'), keysOf('second newcomer')].map(({ publicKey: key }) => ({
    ...one!,
    key
  }))
  const pointOf = (count: number, before: FinalPoint | null = null): FinalPoint => {
    const trainers = [...accounts.trainers, ...newcomers.slice(0, count)]
    return new FinalPoint({ id: '', height: 0, root, accounts: { ...accounts, trainers } }, null, before)
  }
  const first = pointOf(0)
  const second = pointOf(1, first)
  const third = pointOf(2, second)
  const indexes = (point: FinalPoint) => [one!, ...newcomers].map(({ key }) => point.trainerIndex(key))
  t.strictSame(indexes(third), [0, known, known + 1])
  t.strictSame(indexes(second), [0, known, undefined])
  t.strictSame(indexes(first), [0, undefined, undefined])
  t.strictSame(indexes(pointOf(1)), indexes(second), 'as one that was made alone')
  t.equal(third.isTrainer(toHex(newcomers[1]!.key)), true)
  t.equal(second.isTrainer(newcomers[1]!.key), false)
})

t.test('blocks of several rounds that become final at once are executed one on top of the other', async t => {
  const { ledger, node } = await behind(t)
  const changes: FinalChange[] = []
  ledger.onFinal = async change => void changes.push(change)
  const blocks = script.written.map(({ block }) => block)
  await ledger.commit(blocks, script.written.at(-1)!.certificate)
  t.equal(ledger.final.height, 6)
  t.equal(ledger.final.accounts.round, 6)
  t.strictSame(ledger.final.root, script.state.root)
  t.equal(changes.length, 1)
  t.equal(changes[0]!.receipts.length, 6 * 4)
  t.equal(node.chain.head().height, 6)
  t.strictSame(node.failures, [])
})

t.test('what is final already is passed over, and a gap is told', async t => {
  const { ledger } = await behind(t)
  const [first, second, third] = script.written
  await ledger.commit([first!.block, second!.block], second!.certificate)
  await ledger.commit([first!.block, second!.block, third!.block], third!.certificate)
  t.equal(ledger.final.height, 3)
  const last = script.written[5]!
  await t.rejects(ledger.commit([last.block], last.certificate), { code: 'LEDGER_GAP' })
  t.equal(ledger.final.height, 3)
})

t.test('a block of a round that has not begun here is held with its payloads', async t => {
  const { ledger, pool } = await behind(t)
  const [first, second] = script.written
  for (const { block } of [first!, second!]) ledger.add(block)
  t.strictSame(await ledger.stateAfter(toHex(blockIdOf(second!.block.header))), {
    id: toHex(blockIdOf(second!.block.header)),
    height: 2,
    root: second!.state.root,
    accounts: second!.state.accounts
  })
  t.equal(pool.round, 0)
  const trainer = toHex(validatorKeys[1]!.publicKey)
  const ofSecond = second!.deltas.map(({ header }) => toHex(deltaDigest(header)))
  t.notOk(ofSecond.includes(pool.ofTrainer(trainer)?.digest ?? ''), 'it counts for no round of ours yet')
  await ledger.commit([first!.block], first!.certificate)
  t.ok(ofSecond.includes(pool.ofTrainer(trainer)?.digest ?? ''), 'and counts when that round begins')
})

const leader = validatorKeys[0]!

/** A block as in the script, but elsewhere: in another slot, or on another parent. */
const moved = (of: number, change: Partial<BlockHeader>): Block => {
  const { header, body } = script.written[of]!.block
  return signBlock({ ...header, ...change }, body, leader)
}

const states = (ledger: Ledger): number | undefined =>
  ledger
    .held({ trainers: 4, seats: 4, connections: 1, slots: 16, liveBlocks: 16 })
    .find(({ what }) => what === 'states')?.entries

t.test(
  'the states of proposals in skipped slots go, and come back where the chain goes on from one',
  async t => {
    const { ledger, node } = await behind(t)
    const proposals = [1, 2, 3, 4, 5].map(slot => moved(0, { slot }))
    const ids = proposals.map(block => ledger.add(block))
    /** The thread answers in turn: when this resolves, it has executed what was prepared. */
    const executed = () => node.context.state.weights({ id: ledger.final.id })
    for (const [i, id] of ids.entries()) {
      t.equal(await ledger.prepare(id, leader.publicKey), null)
      await executed()
      t.equal(states(ledger), 2, 'the final one, and that of the open slot')
      await ledger.skipped(i + 1)
      t.equal(states(ledger), 1)
      await t.rejects(node.context.state.setsProof({ id }), { code: 'STATE_UNKNOWN' })
    }
    const late = ledger.add(moved(0, { slot: 6 }))
    await ledger.skipped(6)
    t.equal(await ledger.prepare(late, leader.publicKey), null)
    await executed()
    await ledger.skipped(6)
    t.equal(states(ledger), 1, 'also when the slot was skipped before the block was looked at')

    const child = moved(1, { slot: 7, parentSlot: 2, parentId: digestOf(ids[1]!) })
    t.equal(await ledger.prepare(ledger.add(child), leader.publicKey), null)
    await executed()
    t.equal(states(ledger), 3)
    await ledger.skipped(7)
    t.equal(states(ledger), 2, 'what the skipped child stood on stays')
    await ledger.commit([proposals[1]!, child], script.certify(child))
    t.equal(ledger.final.height, 2)
    t.strictSame(ledger.final.root, script.written[1]!.state.root)
    t.equal(states(ledger), 1)
    t.strictSame(node.failures, [])
  }
)

t.test('a diverging state stops the peer, and says so', async t => {
  const { ledger } = await behind(t)
  const [first, second] = script.written
  await ledger.commit([first!.block], first!.certificate)
  const { header } = second!.block
  const wrong = { ...second!.block, header: { ...header, stateRoot: new Uint8Array(32) } }
  await t.rejects(ledger.commit([wrong], second!.certificate), {
    code: 'LEDGER_DIVERGED',
    data: { height: 1 }
  })
})

t.test('with each checkpoint, what nobody will ask for again is forgotten', async t => {
  const long = new Script(smallGenesis({ checkpointEvery: 8 })).grow(72)
  const { ledger, node, pool } = await behind(t, long)
  const refused = new Script(smallGenesis({ checkpointEvery: 8 })).delta(validatorKeys[3]!, 1)
  await node.chain.putDeltas([refused])
  await node.context.safety.recordSeal(0, deltaDigest(refused.header), encodeSignedDelta(refused))
  for (let at = 0; at < 72; at += 8) {
    const run = long.written.slice(at, at + 8)
    await ledger.commit(
      run.map(({ block }) => block),
      run.at(-1)!.certificate
    )
  }
  await ledger.stop()
  t.equal(pool.round, 72)
  t.equal((await node.chain.newestCheckpoint())?.height, 72)
  t.equal(await node.chain.delta(deltaDigest(refused.header)), undefined)
  t.equal(await node.context.safety.seal(0), undefined)
  for (const { deltas } of long.written.slice(0, 2))
    for (const { header } of deltas) t.ok(await node.chain.delta(deltaDigest(header)), 'named ones stay')
})

t.test('voting goes on from the newest final block and what is known above it', async t => {
  const { ledger, node } = await behind(t)
  t.match(await resumeVoting(node.context, ledger), { restored: { finalBlock: null, blocks: [] }, votes: [] })
  const [first, second, third] = script.written
  await ledger.commit([first!.block, second!.block], second!.certificate)
  ledger.add(third!.block)
  const resumed = await resumeVoting(node.context, ledger)
  t.match(resumed?.restored, {
    finalBlock: { id: ledger.final.id, height: 2, slot: 2, empty: false },
    finalCertificate: { slot: 2 },
    blocks: [{ height: 3 }]
  })
})

t.test('right after a checkpoint was adopted there is no certificate to vote from', async t => {
  const node = await makeNode(script, createMemoryHub(), validatorKeys[0]!)
  t.teardown(() => node.close())
  const { block, state } = script.written[2]!
  await node.chain.adopt(block, {
    height: 3,
    accounts: new Uint8Array(),
    leaves: new DigestList(new Uint8Array())
  })
  const id = toHex(blockIdOf(block.header))
  const head = { id, height: 3, root: state.root, accounts: state.accounts }
  const final = new FinalPoint(head, block.header)
  const pool = new DeltaPool(node.context, new Evidences(script.chainId, script.genesis.epochs), final)
  const ledger = new Ledger(node.context, pool, final, head, 3)
  t.equal(await resumeVoting(node.context, ledger), undefined)
})
