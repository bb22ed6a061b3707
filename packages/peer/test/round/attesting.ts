import { toHex } from '@gradmesh/core'
import { createMemoryHub } from '@gradmesh/net/memory'
import {
  type Attest,
  bitmapIndices,
  bitmapOf,
  decodeAttest,
  deltaDigest,
  encodeAttest,
  encodeSignedDelta,
  signAttest
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { Attesting } from '../../src/round/attesting.ts'
import { DeltaPool } from '../../src/round/delta-pool.ts'
import { Evidences } from '../../src/round/evidences.ts'
import { FinalPoint } from '../../src/state/ledger.ts'
import { openGenesis } from '../../src/sync/restoring.ts'
import { makeNode } from '../fixtures/node.ts'
import { keysOf, Script, validatorKeys } from '../fixtures/script.ts'

/** The first validator at the genesis; the others are connected and say nothing. */
const makeAttesting = async (t: Test, keys = validatorKeys[0]!) => {
  const script = new Script()
  const hub = createMemoryHub()
  const node = await makeNode(script, hub, keys)
  t.teardown(() => node.close())
  const { context } = node
  await node.net.start()
  for (const other of validatorKeys.filter(other => other !== keys)) {
    const net = hub.net(toHex(other.publicKey))
    await net.start()
    t.teardown(() => net.stop())
    await node.net.dial(net.addresses()[0]!)
  }
  const published: Attest[] = []
  node.net.publish = async (topic, bytes) => {
    if (topic === context.topics.attests.name) published.push(decodeAttest(bytes) as Attest)
  }
  const head = await openGenesis(node.chain, context.state)
  const final = new FinalPoint(head, null)
  const pool = new DeltaPool(context, new Evidences(script.chainId, script.genesis.epochs), final)
  const attesting = new Attesting(context, pool, final)
  t.teardown(() => attesting.stop())
  pool.onDelta = () => attesting.consider()
  const start = () => {
    attesting.paused = false
    attesting.open()
  }
  const deliver = async (...who: number[]) => {
    const deltas = who.map(i => script.delta(validatorKeys[i]!))
    for (const delta of deltas) await pool.offer(encodeSignedDelta(delta))
    return deltas
  }
  return { script, node, final, pool, attesting, published, start, deliver }
}

const held = ({ bitmap }: Attest): number[] => [...bitmapIndices(bitmap)]

const settled = async (is: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000 && !is(); i++) await new Promise(resolve => setTimeout(resolve, 2))
}

t.test('it signs once, as soon as everybody has delivered, and what it signs is on the disk', async t => {
  const { published, start, deliver, node } = await makeAttesting(t)
  start()
  const first = await deliver(0, 1, 2)
  t.strictSame(published, [], 'one is missing')
  const last = await deliver(3)
  await settled(() => published.length > 0)
  t.strictSame(published.map(held), [[0, 1, 2, 3]])
  for (const { header } of [...first, ...last]) t.ok(await node.chain.deltaBytes(deltaDigest(header)))
})

t.test('half the time over, it asks for what is missing; at the deadline it signs what it holds', async t => {
  const { published, start, deliver, attesting } = await makeAttesting(t)
  let asked = 0
  attesting.onMissing = () => asked++
  start()
  await deliver(0, 2)
  await settled(() => published.length > 0)
  t.equal(asked, 1)
  t.strictSame(published.map(held), [[0, 2]])
  await settled(() => published.length > 1)
  t.strictSame(published[1], published[0], 'said again, byte for byte, until the round has closed')
})

t.test(
  'nothing is signed while nothing is held, or while it catches up, or by one who has no vote',
  async t => {
    const empty = await makeAttesting(t)
    empty.start()
    const paused = await makeAttesting(t)
    await paused.deliver(0, 1, 2, 3)
    const follower = await makeAttesting(t, keysOf('follower'))
    follower.start()
    await follower.deliver(0, 1, 2, 3)
    await new Promise(resolve => setTimeout(resolve, 500))
    for (const { published } of [empty, paused, follower]) t.strictSame(published, [])
  }
)

t.test('who was silent for two deadlines is waited for no more, until heard of again', async t => {
  const { published, start, deliver, attesting, pool, script, final } = await makeAttesting(t)
  let asked = 0
  attesting.onMissing = () => asked++
  start()
  await deliver(0, 1, 2)
  for (let round = 1; round <= 2; round++) {
    await settled(() => published.length > 0)
    t.strictSame(held(published.splice(0)[0]!), [0, 1, 2], 'after the deadline')
    const after = new FinalPoint(
      { ...final, accounts: { ...final.accounts, round }, id: final.id },
      final.header
    )
    await pool.advance(after)
    attesting.advance(after)
    Object.assign(script.state.accounts, { round })
    // The state thread is still at the genesis: what it would admit is put in by hand.
    pool.ofTrainer = key =>
      [0, 1, 2].some(i => toHex(validatorKeys[i]!.publicKey) === key)
        ? ({ signed: script.delta(validatorKeys[0]!) } as unknown as ReturnType<DeltaPool['ofTrainer']>)
        : undefined
  }
  attesting.consider()
  await settled(() => published.length > 0)
  t.strictSame(published.map(held), [[0, 1, 2]])
  t.equal(asked, 2, 'before half of its time was over')
})

t.test('while nobody trains, a round closes for the sake of other work, and not without any', async t => {
  const { published, start, attesting } = await makeAttesting(t)
  let isWaiting = false
  attesting.isWorkWaiting = () => isWaiting
  start()
  await new Promise(resolve => setTimeout(resolve, 1000))
  t.strictSame(published, [], 'two deadlines on, nobody is expected, and nothing waits')
  isWaiting = true
  attesting.consider()
  await settled(() => published.length > 0)
  t.strictSame(published.map(held), [[]])
})

t.test('a trainer who may still deliver is waited for, whatever else waits', async t => {
  const { published, start, attesting } = await makeAttesting(t)
  attesting.isWorkWaiting = () => true
  start()
  attesting.consider()
  t.strictSame(published, [])
})

/** How others attest that they hold the first two trainers' deltas. */
const attestsOf =
  (script: Script, final: FinalPoint) =>
  (validator: number, changes: Partial<Attest> = {}, keys = validatorKeys[validator]!): Uint8Array => {
    const { round, trainers } = final.accounts
    const setHash = setHashOf(script)
    const bitmap = bitmapOf(trainers.length, [0, 1])
    const body = { epoch: 0, round, base: final.root, setHash, bitmap, ...changes }
    return encodeAttest(signAttest(body, validator, script.chainId, keys))
  }

t.test('who holds what most of the stake has attested waits for nobody else', async t => {
  const { attesting, script, final, published, start, deliver } = await makeAttesting(t)
  const make = attestsOf(script, final)
  start()
  await deliver(0)
  for (const validator of [1, 2]) attesting.offer(make(validator))
  await deliver(1)
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(published.length, 0, 'half is not most of it')
  attesting.offer(make(3))
  await settled(() => published.length > 0)
  t.strictSame(published.map(held), [[0, 1]])
})

t.test('what most have attested and is not here is waited for', async t => {
  const { attesting, script, final, published, start, deliver } = await makeAttesting(t)
  start()
  await deliver(0)
  for (const validator of [1, 2, 3]) attesting.offer(attestsOf(script, final)(validator))
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(published.length, 0)
  await deliver(1)
  await settled(() => published.length > 0)
  t.strictSame(published.map(held), [[0, 1]])
})

t.test('an attestation is said again to whoever comes', async t => {
  const { attesting, published, start, deliver } = await makeAttesting(t)
  start()
  attesting.repeat()
  t.equal(published.length, 0, 'there is none yet')
  await deliver(0, 1, 2, 3)
  await settled(() => published.length > 0)
  attesting.repeat()
  t.equal(published.length, 2)
})

t.test('attestations of others: quorum, and what is refused', async t => {
  const { attesting, script, final } = await makeAttesting(t)
  const make = attestsOf(script, final)
  let news = 0
  attesting.onChange = () => news++
  t.equal(attesting.offer(make(1)), null)
  t.match(attesting.offer(make(1)), { fault: 'ATTEST_KNOWN' }, 'again')
  t.equal(attesting.offer(make(2)), null)
  t.notOk(attesting.hasQuorum(final))
  t.equal(attesting.offer(make(3)), null)
  t.ok(attesting.hasQuorum(final))
  t.notOk(attesting.isComplete())
  t.equal(news, 3)
  t.strictSame(
    attesting.all().map(({ validator }) => validator),
    [1, 2, 3]
  )
  const refused: [Uint8Array, string][] = [
    [make(0, {}, keysOf('somebody')), 'WIRE_SIGNATURE'],
    [make(0, { round: 9 }), 'ATTEST_EARLY'],
    [make(0, { epoch: 1 }), 'ATTEST_EPOCH'],
    [make(0, { base: new Uint8Array(32) }), 'ATTEST_SET'],
    [make(0, { setHash: new Uint8Array(32) }), 'ATTEST_SET'],
    [make(0, { bitmap: bitmapOf(20, [19]) }), 'ATTEST_BITMAP'],
    [new Uint8Array(3), 'WIRE_LENGTH']
  ]
  for (const [bytes, code] of refused) t.match(attesting.offer(bytes), { fault: code }, code)
})

const setHashOf = (script: Script): Uint8Array => script.roundBody([]).attests.at(0)!.setHash
