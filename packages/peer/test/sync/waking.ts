/** The way back after a sleep, with a mesh that comes into reach bit by bit. */
import { silentLogger, silentMetrics, systemClock } from '@gradmesh/core'
import { encodeHello, type Hello, PROTOCOL_VERSION } from '@gradmesh/wire'
import t from 'tap'
import type { Context } from '../../src/context.ts'
import type { Syncing } from '../../src/sync/syncing.ts'
import { type Waking, wakeUp } from '../../src/sync/waking.ts'
import { Journal } from '../../src/telling/journal.ts'

const chainId = new Uint8Array(32).fill(5)
const hello: Hello = { protocol: PROTOCOL_VERSION, chainId, height: 40, agent: 'other' }

const sleeper = (reach: { tries: number; connectedAt: number; inStepAt: number }) => {
  const heard: [string, number][] = []
  let rechecks = 0
  const context = {
    chainId,
    chain: { head: () => ({ height: 7 }) },
    log: silentLogger,
    metrics: silentMetrics,
    clock: { ...systemClock, after: (_: number, run: () => void) => systemClock.after(0, run) },
    net: {
      recheck: async () => void rechecks++,
      welcome() {},
      peers: () => (++reach.tries >= reach.connectedAt ? [{ key: 'neighbour' }] : []),
      request: async () => encodeHello(hello)
    }
  } as unknown as Context
  const syncing = {
    heard: (peer: string, height: number) => void heard.push([peer, height]),
    wake() {},
    settled: async () => {},
    get isBehind() {
      return reach.tries < reach.inStepAt
    }
  } as unknown as Syncing
  const waking: Waking = { context, syncing, journal: new Journal(), agent: 'me', isStopping: () => false }
  return { waking, heard, rechecks: () => rechecks }
}

t.test('it asks until somebody answers and nobody is ahead', async t => {
  const reach = { tries: 0, connectedAt: 3, inStepAt: 5 }
  const { waking, heard, rechecks } = sleeper(reach)
  await wakeUp(waking, 61)
  t.equal(rechecks(), 1)
  t.equal(reach.tries, 5)
  t.strictSame(heard, Array(3).fill(['neighbour', 40]))
  t.equal(waking.journal.phase, 'syncing')
  t.equal(waking.journal.phaseReason, 'was asleep for 61 s')
})

t.test('it gives up asking after a while, and at once when the peer stops', async t => {
  const alone = { tries: 0, connectedAt: Number.POSITIVE_INFINITY, inStepAt: 0 }
  await wakeUp(sleeper(alone).waking, 61)
  t.equal(alone.tries, 60)
  const stopping = { tries: 0, connectedAt: 1, inStepAt: 1 }
  await wakeUp({ ...sleeper(stopping).waking, isStopping: () => true }, 61)
  t.equal(stopping.tries, 0)
})
