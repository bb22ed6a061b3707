import type { Metrics, Report } from './types.ts'

/** For tasks whose whole report is one share. */
export const accuracyReport = (metrics: Metrics): Report => ({
  ...metrics,
  text: `accuracy ${(100 * metrics.score).toFixed(2)} % of ${metrics.samples} held-out samples, loss ${metrics.loss.toFixed(4)}`,
  figures: { accuracy: metrics.score, samples: metrics.samples, loss: metrics.loss }
})
