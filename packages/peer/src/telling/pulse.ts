/** A beat once a second: the caps are looked at, and a sleep of the machine is noticed. */
import type { Clock, Timer } from '@gradmesh/core'
import { SleepWatch } from './sleep-watch.ts'

const BEAT_MS = 1000

export interface PulseInit {
  readonly clock: Clock
  readonly onBeat: () => void
  /** The machine, or this process alone, stood still for so long. */
  readonly onWake: (seconds: number) => void
}

/** Returns the way to stop it. */
export const startPulse = ({ clock, onBeat, onWake }: PulseInit): (() => void) => {
  const watch = new SleepWatch(BEAT_MS, clock.nowMs(), clock.wallMs())
  let timer: Timer
  const beat = (): void => {
    timer = clock.after(BEAT_MS, beat)
    const slept = watch.beat(clock.nowMs(), clock.wallMs())
    if (slept !== null) onWake(slept)
    onBeat()
  }
  timer = clock.after(BEAT_MS, beat)
  return () => timer.cancel()
}
