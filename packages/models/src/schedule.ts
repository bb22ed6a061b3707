/** The learning rate of a step, counted from 0: it rises in equal parts over `warmup` steps, then falls to `end`. */
export interface Schedule {
  readonly peak: number
  readonly steps: number
  readonly warmup?: number
  /** How it falls; `constant` does not. */
  readonly shape?: 'cosine' | 'linear' | 'constant'
  /** At the last step, as a share of the peak (0). */
  readonly end?: number
}

const FALLS: Readonly<Record<NonNullable<Schedule['shape']>, (done: number) => number>> = {
  cosine: done => 0.5 * (1 + Math.cos(Math.PI * done)),
  linear: done => 1 - done,
  constant: () => 1
}

export const rateAt = (
  { peak, steps, warmup = 0, shape = 'cosine', end = 0 }: Schedule,
  step: number
): number => {
  if (step < warmup) return (peak * (step + 1)) / (warmup + 1)
  const done = Math.min(1, (step - warmup) / Math.max(1, steps - 1 - warmup))
  return peak * (end + (1 - end) * FALLS[shape](done))
}
