/** A leader waits to be told: its clock runs nothing but what bounds a wait. */
import { type Clock, systemClock, toHex } from '@gradmesh/core'
import { createMemoryHub } from '@gradmesh/net/memory'
import { type Attest, blockIdOf, encodeSignedDelta, type SignedDelta } from '@gradmesh/wire'
import t, { type Test } from 'tap'
import type { Attesting } from '../../src/round/attesting.ts'
import type { Proposal } from '../../src/round/performing.ts'
import { Proposer } from '../../src/round/proposing.ts'
import { TransactionPool } from '../../src/round/transaction-pool.ts'
import { FinalPoint, type Ledger } from '../../src/state/ledger.ts'
import { makeFollowing, makeNode } from '../fixtures/node.ts'
import { Script, validatorKeys } from '../fixtures/script.ts'

/** The open round of a mesh of four of whom all hold each other's deltas; who has attested is the test's to say. */
const makeProposer = async (t: Test) => {
  const script = new Script()
  const node = await makeNode(script, createMemoryHub(), validatorKeys[0]!)
  t.teardown(() => node.close())
  const { head, final, evidences, pool } = await makeFollowing(node.context)
  const timers: number[] = []
  const clock: Clock = {
    ...systemClock,
    after(delayMs, run) {
      timers.push(delayMs)
      return systemClock.after(delayMs, run)
    }
  }
  const context = { ...node.context, clock }
  const deltas: SignedDelta[] = validatorKeys.map(keys => script.delta(keys))
  for (const delta of deltas) await pool.offer(encodeSignedDelta(delta))
  const attests = [...script.roundBody(deltas).attests]
  const heard: Attest[] = []
  const attesting: Pick<Attesting, 'all' | 'hasQuorum' | 'isComplete'> = {
    all: () => [...heard],
    hasQuorum: () => heard.length >= 3,
    isComplete: () => heard.length === attests.length
  }
  const ledger = { final, stateAfter: async () => head }
  const transactions = new TransactionPool(context)
  const proposer = new Proposer(context, {
    ...{ pool, evidences, transactions },
    attesting: attesting as Attesting,
    ledger: ledger as unknown as Ledger
  })
  const hear = (count: number): void => {
    heard.push(...attests.slice(heard.length, heard.length + count))
    proposer.look()
  }
  const proposal: Proposal = {
    epoch: context.epochs.running,
    slot: 1,
    parentSlot: 0,
    parentId: final.id,
    empty: false
  }
  return { context, proposer, proposal, hear, timers, final, ledger, pool, deltas }
}

const settled = async (is: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000 && !is(); i++) await new Promise(resolve => setTimeout(resolve, 2))
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}

const going = () => false

t.test('a block is made when a quorum has attested, at once when all have', async t => {
  const { proposer, proposal, hear, timers, context } = await makeProposer(t)
  const proposed = proposer.propose(proposal, going)
  await turns()
  hear(2)
  await turns()
  t.strictSame(timers, [], 'it does not look again by the clock')
  hear(2)
  const block = (await proposed)!
  t.equal(block.body.attests.length, 4)
  t.equal(block.body.deltas.length, 4)
  t.strictSame(timers, [], 'nobody is missing: nobody is waited for')
  t.equal(toHex((await context.safety.ownBlock(1))!.id), toHex(blockIdOf(block.header)), 'and it is durable')
})

t.test('the rest is waited for a moment', async t => {
  const { proposer, proposal, hear, timers } = await makeProposer(t)
  const proposed = proposer.propose(proposal, going)
  hear(3)
  await settled(() => timers.length > 0)
  hear(1)
  t.equal((await proposed)?.body.attests.length, 4, 'who comes in time is in')
  const late = await makeProposer(t)
  const without = late.proposer.propose(late.proposal, going)
  late.hear(3)
  t.equal((await without)?.body.attests.length, 3, 'and no longer')
})

t.test('a parent whose commit is under way is waited for', async t => {
  const { proposer, proposal, hear, ledger, final } = await makeProposer(t)
  ledger.final = Object.assign(Object.create(FinalPoint.prototype) as FinalPoint, final, {
    id: 'the one before'
  })
  const proposed = proposer.propose(proposal, going)
  hear(4)
  await turns()
  ledger.final = final
  proposer.look()
  t.equal((await proposed)?.body.attests.length, 4)
})

t.test('a delta that is attested and not to be had is looked for again', async t => {
  const { proposer, proposal, hear, timers, pool, deltas } = await makeProposer(t)
  const missing = toHex(deltas[2]!.header.trainer)
  const { ofTrainer } = pool
  pool.ofTrainer = key => (key === missing ? undefined : ofTrainer.call(pool, key))
  const proposed = proposer.propose(proposal, going)
  hear(4)
  await settled(() => timers.length > 0)
  pool.ofTrainer = ofTrainer
  t.equal((await proposed)?.body.deltas.length, 4)
})

t.test('when its slot is over there is no block', async t => {
  const { proposer, proposal, hear, context } = await makeProposer(t)
  let isOver = false
  const proposed = proposer.propose(proposal, () => isOver)
  hear(2)
  await turns()
  isOver = true
  proposer.look()
  t.equal(await proposed, undefined)
  t.equal(await context.safety.ownBlock(1), undefined, 'and nothing was signed')
})
