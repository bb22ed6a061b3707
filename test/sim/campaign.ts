/**
 * Many seeds one after the other, in a way that survives being killed: every few seconds the progress is written
 * down, and a campaign that finds its own progress goes on from there. The digest chains the traces of all
 * seeds in order, so an interrupted campaign ends with the digest of one that never was.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { sha256, toHex, utf8 } from '@gradmesh/core'
import type { Run, World } from './worlds.ts'

export interface Progress {
  readonly world: string
  readonly from: number
  readonly schedules: number
  readonly violations: number
  /** Seeds with a violation, the first hundred. */
  readonly failed: readonly number[]
  readonly finalBlocks: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly digest: string
}

export interface Campaign {
  readonly name: string
  readonly world: World
  readonly from: number
  /** Schedules in all, those of earlier runs included. */
  readonly schedules: number
  readonly left: readonly string[]
  /** Where progress is kept; null: nowhere. */
  readonly file: string | null
  onRun?(run: Run): void | Promise<void>
}

const SAVE_EVERY_MS = 3_000
const FAILED_MAX = 100

export const runCampaign = async (campaign: Campaign): Promise<Progress> => {
  const { name, world, from, schedules, left, file } = campaign
  let progress: Progress = resumed(campaign) ?? {
    world: name,
    from,
    schedules: 0,
    violations: 0,
    failed: [],
    finalBlocks: 0,
    seconds: 0,
    cpuSeconds: 0,
    digest: ''
  }
  let savedMs = performance.now()
  let sinceMs = savedMs
  let sinceCpu = cpuSeconds()
  while (progress.schedules < schedules) {
    const seed = from + progress.schedules
    const run = await world.run(seed, left)
    const failed = run.violation !== null
    await campaign.onRun?.(run)
    const nowMs = performance.now()
    const nowCpu = cpuSeconds()
    progress = {
      ...progress,
      schedules: progress.schedules + 1,
      violations: progress.violations + (failed ? 1 : 0),
      failed: failed ? [...progress.failed, seed].slice(0, FAILED_MAX) : progress.failed,
      finalBlocks: progress.finalBlocks + run.height,
      seconds: progress.seconds + (nowMs - sinceMs) / 1_000,
      cpuSeconds: progress.cpuSeconds + nowCpu - sinceCpu,
      digest: toHex(sha256(utf8(progress.digest), utf8(run.trace)))
    }
    sinceMs = nowMs
    sinceCpu = nowCpu
    if (file !== null && (nowMs > savedMs + SAVE_EVERY_MS || progress.schedules === schedules)) {
      save(file, progress)
      savedMs = nowMs
    }
  }
  return progress
}

/** The figures for the last line. `perCoreSecond` counts processor time, which other work does not stretch. */
export const figuresOf = ({ schedules, violations, finalBlocks, seconds, cpuSeconds, digest }: Progress) => ({
  schedules,
  violations,
  perSecond: Number((schedules / seconds).toFixed(1)),
  perCoreSecond: Number((schedules / cpuSeconds).toFixed(1)),
  finalBlocksEach: Number((finalBlocks / schedules).toFixed(2)),
  digest
})

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const resumed = ({ name, from, file }: Campaign): Progress | undefined => {
  if (file === null || !existsSync(file)) return undefined
  const progress = JSON.parse(readFileSync(file, 'utf8')) as Progress
  return progress.world === name && progress.from === from ? progress : undefined
}

/** By renaming: a kill leaves the old progress or the new one. */
const save = (file: string, progress: Progress): void => {
  writeFileSync(`${file}.new`, JSON.stringify(progress))
  renameSync(`${file}.new`, file)
}
