import { MeshError, Prng, toHex } from '@gradmesh/core'
import { compress, encodeDelta, paddedLength } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import { createMemoryHub } from '@gradmesh/net/memory'
import { blockIdOf, decodeSignedDelta, deltaDigest, type SignedDelta } from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { DeltaPool } from '../../src/round/delta-pool.ts'
import { Evidences } from '../../src/round/evidences.ts'
import { FinalPoint, type Ledger } from '../../src/state/ledger.ts'
import { openGenesis } from '../../src/sync/restoring.ts'
import { storedError } from '../../src/sync/resuming.ts'
import { COMPUTE_LOST, type TrainedRound } from '../../src/training/computing.ts'
import { Training, type TrainingParts } from '../../src/training/training.ts'
import { makeNode, type Node } from '../fixtures/node.ts'
import { Script, validatorKeys } from '../fixtures/script.ts'

const script = new Script().grow(2)
const [keys] = validatorKeys as readonly [(typeof validatorKeys)[number]]

/** A trainer whose adapter is a few lines, and whose ledger moves when the test says so. */
const makeTrainer = async (
  t: Test,
  on?: Node,
  opened: TrainingParts['opened'] = Promise.resolve({ samples: 100 })
) => {
  const hub = createMemoryHub()
  const node = on ?? (await makeNode(script, hub, keys))
  if (on === undefined) {
    t.teardown(() => node.close())
    await node.net.start()
  }
  const head = await openGenesis(node.chain, node.context.state)
  const start = new FinalPoint(head, null)
  const pool = new DeltaPool(node.context, new Evidences(script.chainId, script.genesis.epochs), start)
  const stored = await storedError(node.context)
  const seen = { rounds: 0, evaluations: 0, settled: [] as boolean[] }
  const published: SignedDelta[] = []
  node.net.publish = async (topic, bytes) => {
    if (topic === node.context.topics.deltas.name) published.push(decodeSignedDelta(bytes) as SignedDelta)
  }
  const ledger = { final: start }
  const parts = {
    ledger: ledger as Ledger,
    pool,
    opened,
    compute: {
      round: async (): Promise<TrainedRound> => {
        const layout = layoutOf(script.genesis)
        const prng = new Prng(`round ${seen.rounds++}`)
        const pseudo = new Int32Array(paddedLength(layout)).map(() => prng.u32() >> 6)
        const { delta, accumulated } = compress(layout, pseudo, new Int32Array(pseudo.length))
        return {
          payload: encodeDelta(layout, delta),
          accumulated,
          steps: 4,
          samples: 8,
          loss: 1,
          seconds: 0.1,
          restSeconds: 0
        }
      },
      settle: async ({ accepted }: { accepted: boolean }) => void seen.settled.push(accepted),
      abandon: async () => {},
      evaluate: async () => {
        seen.evaluations++
        return { loss: 1, score: 0.5 }
      }
    } as unknown as TrainingParts['compute']
  }
  const open = stored?.isOpen ? { round: stored.round, digest: stored.digest } : null
  const training = new Training(node.context, parts, open)
  training.paused = false
  t.teardown(() => training.stop())
  /** The first round closes with the blocks of the script, which name none of our deltas. */
  const close = async (): Promise<void> => {
    const { block, state, receipts } = script.written[0]!
    const id = toHex(blockIdOf(block.header))
    const after = new FinalPoint({ id, height: 1, root: state.root, accounts: state.accounts }, block.header)
    const before = ledger.final
    ledger.final = after
    await pool.advance(after)
    await training.settle({ before, after, blocks: [block], receipts, refused: [] })
  }
  return { node, ledger, pool, training, parts, seen, published, close }
}

const settled = async (is: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !is(); i++) await new Promise(resolve => setTimeout(resolve, 2))
}

t.test('a round is trained, sealed, counted and published once', async t => {
  const { training, published, pool, node, seen } = await makeTrainer(t)
  training.wake()
  training.wake()
  await settled(() => published.length > 0)
  training.wake()
  await training.stop()
  t.equal(seen.rounds, 1)
  t.equal(published.length, 1)
  const digest = deltaDigest(published[0]!.header)
  t.equal(pool.ofTrainer(toHex(keys.publicKey))?.digest, toHex(digest))
  t.strictSame((await node.context.safety.seal(0))?.digest, digest)
  t.match(await storedError(node.context), {
    round: 0,
    digest: toHex(digest),
    isOpen: true,
    buffer: { accepted: null }
  })
  t.strictSame(node.failures, [])
})

t.test('a damaged error buffer costs the work that it held: its round is not trained again', async t => {
  const first = await makeTrainer(t)
  first.training.wake()
  await settled(() => first.published.length > 0)
  await first.training.stop()
  const { chain, context } = first.node
  const { round, pendingDelta } = (await chain.error())!
  chain.error = async () => ({ round, pendingDelta, damage: 'the file error-0 is missing or cut' })
  const told: unknown[] = []
  const metrics = { ...context.metrics, count: (name: string) => void told.push(name) }
  const log = { ...context.log, warn: (...words: unknown[]) => void told.push(words) }
  t.match(await storedError({ chain, log, metrics }), {
    round: 0,
    digest: toHex(pendingDelta!),
    isOpen: true,
    buffer: null
  })
  t.match(told, ['gradmesh_error_buffer_lost_total', [{ damage: /error-0/ }, /lost/]])
  const again = await makeTrainer(t, first.node)
  again.training.wake()
  await again.close()
  await settled(() => again.seen.settled.length > 0)
  t.strictSame([again.seen.rounds, again.seen.settled, first.node.failures], [0, [false], []])
})

t.test('a round below what may be signed is missed, and no more', async t => {
  const { training, published, node, seen, ledger, close } = await makeTrainer(t)
  await node.context.safety.prune({ slot: 0, round: 1 })
  training.wake()
  await settled(() => seen.rounds > 0)
  await training.stop()
  t.strictSame([seen.rounds, published, node.failures], [1, [], []])
  await close()
  t.equal(ledger.final.accounts.round, 1)
  t.strictSame(seen.settled, [false], 'what it was to bring is kept for the next')
})

t.test('while the adapter is being opened the ledger goes on, and its verdict is kept', async t => {
  const before = await makeTrainer(t)
  before.training.wake()
  await settled(() => before.published.length > 0)
  await before.training.stop()
  const { promise, resolve } = Promise.withResolvers<{ samples: number }>()
  const { training, close, seen, node } = await makeTrainer(t, before.node, promise)
  training.wake()
  await close()
  t.strictSame([training.isOpening, seen.rounds, seen.settled], [true, 0, []])
  resolve({ samples: 100 })
  await settled(() => seen.settled.length > 0)
  t.strictSame([training.isOpening, seen.settled], [false, [false]])
  t.strictSame(node.failures, [])
})

t.test('the ledger does not wait for an adapter that rests or evaluates', async t => {
  const { training, parts, published, close, seen, node } = await makeTrainer(t)
  const busy = Promise.withResolvers<void>()
  const { settle } = parts.compute
  Object.assign(parts.compute, {
    settle: (verdict: { accepted: boolean }) => busy.promise.then(() => settle(verdict))
  })
  training.wake()
  await settled(() => published.length > 0)
  await close()
  t.strictSame(seen.settled, [], 'the thread has other work; the block is final all the same')
  busy.resolve()
  await training.stop()
  t.strictSame(seen.settled, [false])
  t.strictSame(node.failures, [])
})

t.test('a lost adapter costs the round, and the next wake trains', async t => {
  const { training, parts, published, node, seen } = await makeTrainer(t)
  const { round, evaluate } = parts.compute
  let tries = 0
  const lost = async (): Promise<never> => {
    tries++
    throw new MeshError(COMPUTE_LOST, 'the adapter gave up')
  }
  Object.assign(parts.compute, { round: lost, evaluate: lost })
  training.wake()
  await settled(() => tries === 2)
  t.strictSame([seen.rounds, seen.evaluations, published.length], [0, 0, 0])
  Object.assign(parts.compute, { round, evaluate })
  training.wake()
  await settled(() => published.length > 0 && seen.evaluations > 0)
  t.strictSame(node.failures, [])
})

t.test('a call in the last moments of the work before is not lost', async t => {
  const { training, ledger, node, seen } = await makeTrainer(t)
  Object.assign(node.context.options, { train: false })
  const { id, height, root, accounts } = ledger.final
  const DEPTHS = 10
  // Evaluating is the last thing it does: ask again that many turns of the queue later, with a new round.
  training.onEvaluated = ({ round }) => {
    const ask = (depth: number): void => {
      if (depth > 0) queueMicrotask(() => ask(depth - 1))
      else {
        ledger.final = new FinalPoint({ id, height, root, accounts: { ...accounts, round: round + 1 } }, null)
        training.wake()
      }
    }
    if (round < DEPTHS) ask(round)
  }
  training.wake()
  await settled(() => seen.evaluations > DEPTHS)
  t.equal(seen.evaluations, DEPTHS + 1)
})

t.test('after a restart the sealed delta goes out again, and no other', async t => {
  const first = await makeTrainer(t)
  first.training.wake()
  await settled(() => first.published.length > 0)
  await first.training.stop()
  const before = [...first.published]
  const again = await makeTrainer(t, first.node)
  again.training.wake()
  await settled(() => again.published.length > 0)
  t.equal(again.seen.rounds, 0, 'nothing is trained anew')
  t.strictSame(again.published, before)
  await again.close()
  t.strictSame(again.seen.settled, [false], 'the round closed without it: its work stays owed')
})

t.test(
  'a crash between the error buffer and the seal: the delta that was written down is sealed',
  async t => {
    const first = await makeTrainer(t)
    first.node.context.safety.recordSeal = async () => {
      throw new Error('power cut')
    }
    first.training.wake()
    await settled(() => first.node.failures.length > 0)
    Reflect.deleteProperty(first.node.context.safety, 'recordSeal')
    t.equal(first.published.length, 0)
    const again = await makeTrainer(t, first.node)
    again.training.wake()
    await settled(() => again.published.length > 0)
    t.equal(again.seen.rounds, 0)
    const written = (await first.node.chain.error())?.pendingDelta
    t.strictSame(deltaDigest(again.published[0]!.header), written)
    t.strictSame((await again.node.context.safety.seal(0))?.digest, written)
  }
)

t.test('a round that closes while its delta is being written down is settled and not published', async t => {
  const { training, node, seen, published, close } = await makeTrainer(t)
  const { putError } = node.chain
  node.chain.putError = async (...given) => {
    await close()
    return putError.apply(node.chain, given)
  }
  training.wake()
  await settled(() => seen.settled.length > 0)
  await training.stop()
  t.strictSame(seen.settled, [false])
  t.strictSame(published, [])
  t.strictSame(node.failures, [])
})

t.test('a peer that must not train evaluates only', async t => {
  const { training, node, seen } = await makeTrainer(t)
  Object.assign(node.context.options, { train: false })
  training.wake()
  await settled(() => seen.evaluations > 0)
  t.strictSame([seen.rounds, seen.evaluations], [0, 1])
})
