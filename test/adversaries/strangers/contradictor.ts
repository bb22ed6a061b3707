/** A registered trainer that signs several different, each of them valid, deltas for one round. */
import type { Misdeed } from './stranger.ts'

export const contradictor: Misdeed = {
  name: 'contradictor',
  expects: ['DELTA_TWICE'],
  async act(stranger) {
    // Someone else's payload is as good as any.
    const { header, payload } = await stranger.nextDelta()
    const { round, base } = header
    for (const steps of [1, 2, 3, 4])
      await stranger.say('deltas', stranger.delta({ round, base, steps }, payload))
  }
}
