export interface RatePlan {
  /** The inner learning rate, unit 1e-6. */
  readonly innerRateMicro: number
  readonly warmupRounds: number
}

/**
 * The inner learning rate of a round, counted from 0: it rises in equal parts over `warmupRounds` and then
 * stays. It does not fall towards the end: on the digits decay gains nothing, since the mean over
 * peers already takes noise out (README, "Chosen values").
 */
export const innerRate = ({ innerRateMicro, warmupRounds }: RatePlan, round: number): number =>
  (innerRateMicro * 1e-6 * Math.min(round + 1, warmupRounds + 1)) / (warmupRounds + 1)
