/** Well-formed deltas for rounds that are long over or far away, and for a state that never was. */
import type { Code, Misdeed } from './stranger.ts'

export const wrongRound: Misdeed = {
  name: 'wrong-round',
  expects: ['DELTA_STALE', 'DELTA_EARLY'],
  async act(stranger) {
    const { header, payload } = await stranger.nextDelta()
    const { round, base } = header
    await stranger.say('deltas', stranger.delta({ round: Math.max(0, round - 3), base }, payload))
    await stranger.say('deltas', stranger.delta({ round: round + 1_000_000, base }, payload))
  }
}

export const wrongBase: Misdeed = {
  name: 'wrong-base',
  expects: ['LEDGER_DELTA_BASE'] satisfies Code[],
  async act(stranger) {
    const { header, payload } = await stranger.nextDelta()
    const base = stranger.prng.bytes(32)
    await stranger.say('deltas', stranger.delta({ round: header.round, base }, payload))
  }
}
