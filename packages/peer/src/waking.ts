/**
 * After the machine slept: a closed lid is normal life and no fault. Timers that fire late do no harm
 * (votes and deltas of what is over are ignored by everybody, and strike nobody); what is missing is a
 * way to the others and the blocks of the meantime.
 */
import type { Context } from './context.ts'
import { greet } from './greeting.ts'
import type { Journal } from './journal.ts'
import type { Syncing } from './syncing.ts'

export const wakeUp = async (
  context: Context,
  syncing: Syncing,
  journal: Journal,
  seconds: number,
  agent: string
): Promise<void> => {
  const { net, metrics } = context
  metrics.observe('gradmesh_sleep_seconds', seconds)
  if (journal.phase !== 'finished') journal.enter('syncing', `was asleep for ${seconds} s`)
  await net.recheck()
  const peers = net.peers().map(({ key }) => key)
  await Promise.all(
    peers.map(async peer => {
      const hello = await greet(context, peer, agent)
      if (hello !== undefined) syncing.heard(peer, hello.height)
    })
  )
  syncing.wake()
  await syncing.settled()
}
