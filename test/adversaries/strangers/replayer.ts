/** Says again, unchanged, what others have said: at once, and when its round is over. */
import type { Misdeed } from './stranger.ts'

export const replayer: Misdeed = {
  name: 'replayer',
  expects: ['DELTA_STALE', 'DELTA_KNOWN', 'ATTEST_STALE', 'BLOCK_PAST', 'VOTE_PAST'],
  async act(stranger) {
    await stranger.nextDelta()
    for (const topic of ['deltas', 'attests', 'blocks', 'certificates'] as const) {
      const heard = stranger.heard(topic)
      for (const message of [heard[0], heard.at(-1)])
        if (message !== undefined) await stranger.say(topic, message)
    }
  }
}
