/** The validators of a new mesh wait for each other: they are told who comes, and look at the clock only for how long. */
import { News, toHex } from '@gradmesh/core'
import { genesisSets } from '@gradmesh/ledger'
import t from 'tap'
import type { Context } from '../../src/context.ts'
import { Epochs } from '../../src/round/epochs.ts'
import { gatherQuorum } from '../../src/sync/entering.ts'
import type { Syncing } from '../../src/sync/syncing.ts'
import { Journal } from '../../src/telling/journal.ts'
import { keysOf, smallGenesis, validatorKeys } from '../fixtures/script.ts'

const gathering = (keys = validatorKeys[0]!) => {
  const company = new News()
  const present = new Set<string>()
  let nowMs = 0
  const timers: { readonly atMs: number; readonly run: () => void }[] = []
  const context = {
    clock: {
      nowMs: () => nowMs,
      after(delayMs: number, run: () => void) {
        const timer = { atMs: nowMs + delayMs, run }
        timers.push(timer)
        return { cancel: () => void timers.splice(timers.indexOf(timer), 1) }
      }
    },
    company,
    self: toHex(keys.publicKey),
    epochs: new Epochs(genesisSets(smallGenesis()), keys.publicKey),
    net: { peers: () => [...present].map(key => ({ key })) }
  } as unknown as Context
  const journal = new Journal()
  const syncing = { target: 0 }
  let isStopping = false
  let isOver = false
  const over = gatherQuorum(context, syncing as Syncing, journal, () => isStopping).then(() => {
    isOver = true
  })
  return {
    journal,
    syncing,
    over,
    isOver: async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve()
      return isOver
    },
    come(...who: number[]) {
      for (const i of who) present.add(toHex(validatorKeys[i]!.publicKey))
      company.tell()
    },
    tell: () => company.tell(),
    stop() {
      isStopping = true
      company.tell()
    },
    /** Runs what is due then. */
    at(milliseconds: number) {
      nowMs = milliseconds
      for (const { atMs, run } of [...timers]) if (atMs <= nowMs) run()
    },
    timers
  }
}

t.test('all of them: at once', async t => {
  const { come, isOver, journal, over, timers } = gathering()
  t.match(journal.phaseReason, /1 of 4/)
  come(1, 2)
  t.notOk(await isOver())
  t.match(journal.phaseReason, /3 of 4/)
  come(3)
  await over
  t.strictSame(timers, [], 'no timer stays behind')
})

t.test('a quorum: once there was time for the rest to come', async t => {
  const { come, isOver, at, over } = gathering()
  come(1, 2)
  at(2999)
  t.notOk(await isOver())
  at(3000)
  await over
})

t.test('less than a quorum: for a minute', async t => {
  const { come, isOver, at, over } = gathering()
  come(1)
  at(3000)
  t.notOk(await isOver())
  at(59_999)
  t.notOk(await isOver())
  at(60_000)
  await over
})

t.test('it ends when somebody is ahead, when the peer stops, and at once for who has no vote', async t => {
  const ahead = gathering()
  t.notOk(await ahead.isOver())
  ahead.syncing.target = 5
  ahead.tell()
  await ahead.over
  const stopped = gathering()
  t.notOk(await stopped.isOver())
  stopped.stop()
  await stopped.over
  await gathering(keysOf('a newcomer')).over
})
