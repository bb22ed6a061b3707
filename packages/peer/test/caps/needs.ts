import { silentLogger } from '@gradmesh/core'
import t from 'tap'
import { noCaps } from '../../src/caps/caps.ts'
import { bytesPerRound, tightCaps, warnOfTightCaps } from '../../src/caps/needs.ts'
import { Script } from '../fixtures/script.ts'

const digits = { deltaBytes: 4100, trainers: 4 }

t.test('four peers of the digits send and read about 41 KB a round, as measured', async t => {
  const bytes = bytesPerRound(digits)
  t.ok(bytes > 37_000 && bytes < 46_000, `${bytes}`)
  t.equal(bytesPerRound({ deltaBytes: 4100, trainers: 1 }), 4700)
})

t.test('a cap below what a round needs is named with figures, others are not', async t => {
  const caps = { ...noCaps, uploadBytesPerSecond: 10_000, downloadBytesPerSecond: 1e6 }
  const needed = bytesPerRound(digits)
  t.strictSame(tightCaps(caps, digits, 1500), [
    { cap: 'max-upload', bytesPerRound: needed, allowedBytes: 15_000, suggested: Math.ceil(needed / 1.5) }
  ])
  t.strictSame(tightCaps({ ...caps, uploadBytesPerSecond: Math.ceil(needed / 1.5) }, digits, 1500), [])
  t.strictSame(tightCaps(noCaps, digits, 1), [])
})

t.test('an operator hears of a cap that is too low for the mesh, and of no other', async t => {
  const warned: object[] = []
  const log = { ...silentLogger, warn: (fields: object) => void warned.push(fields) }
  const { genesis } = new Script()
  const warnedFor = (uploadBytesPerSecond: number): object[] => {
    const options = { caps: { ...noCaps, uploadBytesPerSecond } } as never
    warned.length = 0
    warnOfTightCaps({ genesis, options, log }, 1000)
    return [...warned]
  }
  const [told] = warnedFor(1) as { cap: string; suggested: number }[]
  t.match(told, { cap: 'max-upload', allowedBytes: Math.floor(genesis.timing.roundDeadlineMs / 1000) })
  t.strictSame(warnedFor(told!.suggested), [], 'what it suggests is enough')
  t.equal(warnedFor(told!.suggested - 10).length, 1)
})
