import type { Task } from './types.ts'

export interface RatePlan {
  /** The inner learning rate, unit 1e-6. */
  readonly innerRateMicro: number
  readonly warmupRounds: number
}

/**
 * The inner learning rate of a round, counted from 0: it rises in equal parts over `warmupRounds` and then stays, but
 * for what the task's `fall` takes from it.
 */
export const innerRate = ({ innerRateMicro, warmupRounds }: RatePlan, round: number): number =>
  (innerRateMicro * 1e-6 * Math.min(round + 1, warmupRounds + 1)) / (warmupRounds + 1)

/** The share of a mesh's rounds that is done before this one; 0 in a mesh without end. */
export const shareDone = (round: number, rounds: number | null): number =>
  rounds === null || rounds < 1 ? 0 : Math.min(1, round / rounds)

/** From 1 to nearly 0 over the rounds of a mesh: takes out what the last steps leave of chance. */
export const cosineFall = (done: number): number => 0.5 * (1 + Math.cos(Math.PI * done))

/** What `rate` is in a task whose mesh has done this share of its rounds. */
export const fallen = (rate: number, { fall }: Pick<Task, 'fall'>, done: number): number =>
  rate * (fall?.(done) ?? 1)
