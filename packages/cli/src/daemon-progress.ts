/**
 * Where a peer in the foreground stands: on a terminal a bar that is drawn over itself, elsewhere or without
 * colour a plain line now and then, with --json an object a line on standard output.
 */
import type { Status } from '@gradmesh/api'
import { type Clock, systemClock, type Timer } from '@gradmesh/core'
import { count, percent } from './format.ts'
import { bold, dim, type Io } from './io.ts'
import { bar, type LiveLine } from './live-line.ts'

const LIVE_EVERY_MS = 500
const LOOK_EVERY_MS = 5000
/** A peer that trains says so less often than one that comes nearer. */
const TRAINING_EVERY_LOOKS = 12

export interface StatusSource {
  status(): Status
}

/** Follows until `signal` is aborted. */
export const followProgress = (
  source: StatusSource,
  line: LiveLine,
  signal: AbortSignal,
  clock: Pick<Clock, 'after'> = systemClock
): void => {
  const { io } = line
  const isLive = io.live && io.colour && !io.json
  let looks = 0
  let before = ''
  const look = (): void => {
    const status = source.status()
    if (isLive) {
      line.show(progressText(status, io))
      return
    }
    const every = status.phase === 'training' || status.phase === 'finished' ? TRAINING_EVERY_LOOKS : 1
    const text = io.json ? JSON.stringify(progressObject(status)) : progressText(status, io)
    if (looks++ % every !== 0 || text === before) return
    before = text
    if (io.json) io.print(text)
    else io.note(text)
  }
  let timer: Timer
  const beat = (): void => {
    timer = clock.after(isLive ? LIVE_EVERY_MS : LOOK_EVERY_MS, beat)
    look()
  }
  beat()
  signal.addEventListener(
    'abort',
    () => {
      timer.cancel()
      line.clear()
    },
    { once: true }
  )
}

/** One line; a bar where the end is known. */
export const progressText = (status: Status, io: Pick<Io, 'colour'>): string => {
  const { phase, phaseReason, progress, round, roundsTotal } = status
  const head = bold(phase, io)
  if (progress !== null) {
    const { done, total, unit } = progress
    const share = percent(total === 0 ? 0 : done / total, 0)
    return `${head} ${bar(done, total)} ${share} ${dim(unit, io)} ${count(done)} of ${count(total)}`
  }
  if (phase !== 'training' && phase !== 'finished')
    return phaseReason === null ? head : `${head}: ${phaseReason}`
  const rounds = roundsTotal === null ? '' : `${bar(round, roundsTotal)} `
  const figures: [string, string][] = [
    ['round', roundsTotal === null ? count(round) : `${count(round)}/${count(roundsTotal)}`],
    ['loss', status.loss?.toFixed(4) ?? '-'],
    [status.scoreName, percent(status.score)],
    ['peers', count(status.peers)],
    ['GPU', percent(status.adapterBusy, 0)],
    ['reward', count(status.reward)]
  ]
  return `${head} ${rounds}${figures.map(([name, value]) => `${dim(name, io)} ${value}`).join('  ')}`
}

const progressObject = (status: Status) => {
  const { phase, phaseReason, progress, round, roundsTotal, height, loss, score, peers, reward } = status
  return {
    event: 'progress',
    phase,
    reason: phaseReason,
    progress,
    round,
    roundsTotal,
    height,
    loss,
    score,
    peers,
    reward
  }
}
