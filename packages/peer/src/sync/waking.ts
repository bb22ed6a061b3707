/**
 * After the machine slept: a closed lid is normal life and no fault. Timers that fire late do no harm
 * (votes and deltas of what is over are ignored by everybody, and strike nobody); what is missing is a
 * way to the others and the blocks of the meantime.
 */
import { pause } from '@gradmesh/core'
import type { Context } from '../context.ts'
import type { Journal } from '../telling/journal.ts'
import { greet } from './greeting.ts'
import type { Syncing } from './syncing.ts'

/** The way back may take a while: the others call at their own pace, and a machine that wakes is busy. */
const TRIES_MAX = 60
const TRY_EVERY_MS = 1000

export interface Waking {
  readonly context: Context
  readonly syncing: Syncing
  readonly journal: Journal
  /** What it greets with. */
  readonly agent: string
  readonly isStopping: () => boolean
}

export const wakeUp = async (waking: Waking, seconds: number): Promise<void> => {
  const { context, journal, isStopping } = waking
  context.metrics.observe('gradmesh_sleep_seconds', seconds)
  if (journal.phase !== 'finished') journal.enter('syncing', `was asleep for ${seconds} s`)
  await context.net.recheck()
  for (let tries = 0; tries < TRIES_MAX && !isStopping(); tries++) {
    if (await isBack(waking)) return
    await pause(context.clock, TRY_EVERY_MS)
  }
}

/** Somebody answers, and nobody who does is ahead any more. */
const isBack = async ({ context, syncing, agent, isStopping }: Waking): Promise<boolean> => {
  const peers = context.net.peers().map(({ key }) => key)
  const hellos = await Promise.all(peers.map(peer => greet(context, peer, agent)))
  if (isStopping()) return true
  for (const [i, hello] of hellos.entries()) if (hello !== undefined) syncing.heard(peers[i]!, hello.height)
  syncing.wake()
  await syncing.settled()
  return hellos.some(hello => hello !== undefined) && !syncing.isBehind
}
