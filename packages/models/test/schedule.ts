import fc from 'fast-check'
import t from 'tap'
import { rateAt, type Schedule } from '../src/index.ts'

t.test('rises, then falls to its end', async t => {
  const plan: Schedule = { peak: 1, steps: 11, warmup: 2, shape: 'linear', end: 0.2 }
  const rates = Array.from({ length: 12 }, (_, step) => Number(rateAt(plan, step).toFixed(3)))
  t.strictSame(rates, [0.333, 0.667, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2])
  t.ok(Math.abs(rateAt({ peak: 2, steps: 5 }, 2) - 1) < 1e-12, 'a cosine is half way in the middle')
  t.equal(rateAt({ peak: 2, steps: 5, shape: 'constant' }, 4), 2)
})

t.test('is never below its end nor above its peak', async () => {
  const shapes = fc.constantFrom('cosine' as const, 'linear' as const, 'constant' as const)
  const whole = fc.integer({ min: 0, max: 50 })
  fc.assert(
    fc.property(
      shapes,
      whole,
      whole,
      whole,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (shape, steps, warmup, step, end) => {
        const rate = rateAt({ peak: 3, steps, warmup, shape, end }, step)
        return rate <= 3 + 1e-9 && (step < warmup ? rate > 0 : rate >= 3 * end - 1e-9)
      }
    )
  )
})
