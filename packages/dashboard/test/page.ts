import { routes } from '@gradmesh/api'
import fc from 'fast-check'
import t from 'tap'
import { dashboardFiles } from '../src/index.ts'

// The page is JavaScript, typed in its comments: `tsc -p packages/dashboard` checks it, this file cannot see it.
const load = (name: string) => import(new URL(`../page/${name}`, import.meta.url).href)
const { formatBytes, formatDuration, formatId, formatMs, formatPercent, formatShort, formatWhole, UNKNOWN } =
  await load('format.js')
const { nearest, ticks } = await load('scale.js')
const { Curve, History } = await load('state.js')
Object.assign(globalThis, { ResizeObserver: class {} })
const { membersOf, placeOf, radiusOf, shareOf } = await load('mesh.js')

t.test('figures for people', async t => {
  t.equal(formatWhole(1234567), '1,234,567')
  t.equal(formatWhole('123456789012345678901'), '123,456,789,012,345,678,901', 'money is exact')
  t.equal(formatShort(0.123456), '0.123')
  t.equal(formatShort(0), '0')
  t.equal(formatShort(-12345.6), '-12,346')
  t.equal(formatShort(0.00001234), '1.2e-5')
  t.equal(formatPercent(0.9614), '96.1 %')
  t.equal(formatMs(12.34), '12.3 ms')
  t.equal(formatMs(12_340), '12.3 s')
  t.equal(formatBytes(1023), '1023 B')
  t.equal(formatBytes(1536), '1.5 KiB')
  t.equal(formatDuration(59.9), '59 s')
  t.equal(formatDuration(3599), '59 min 59 s')
  t.equal(formatDuration(7260), '2 h 1 min')
  t.equal(formatId('0123456789abcdef'), '01234567…')
  for (const format of [formatWhole, formatShort, formatPercent, formatMs, formatBytes])
    t.equal(format(null), UNKNOWN, 'not known is never zero')
})

t.test('ticks cover the data, ascend, and are few', async t => {
  t.strictSame(ticks(0, 1, 4), [0, 0.5, 1])
  t.strictSame(ticks(0.13, 2.31, 4), [0, 1, 2, 3])
  fc.assert(
    fc.property(
      fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
      (low, span) => {
        const high = low + span
        const values: number[] = ticks(low, high, 4)
        const slack = (Math.abs(low) + Math.abs(high)) * 1e-8 + span * 1e-6
        const isCovered = values[0]! <= low + slack && values.at(-1)! >= high - slack
        return isCovered && values.length >= 2 && values.length <= 7
      }
    )
  )
  t.ok(ticks(5, 5, 4).length >= 2, 'one value alone has an axis too')
  t.ok(ticks(0, 0, 4).length >= 2)
})

t.test('the nearest point, as a plain search finds it', async t => {
  t.equal(nearest([], 3), -1)
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1 }),
      fc.double({ min: -9, max: 120, noNaN: true }),
      (xs, x) => {
        const points = xs.sort((a, b) => a - b).map(x => ({ x }))
        const found = points[nearest(points, x)]!
        return points.every(point => Math.abs(found.x - x) <= Math.abs(point.x - x))
      }
    )
  )
})

t.test('a curve ascends, whatever the order; a repeat replaces; the oldest go', async t => {
  const curve = new Curve()
  for (const [x, y] of [
    [1, 5],
    [3, 7],
    [2, 6],
    [3, 8],
    [4, null]
  ] as const)
    curve.add(x, y)
  t.strictSame(curve.points, [
    { x: 1, y: 5 },
    { x: 2, y: 6 },
    { x: 3, y: 8 }
  ])
  for (let x = 10; x < 3_000; x++) curve.add(x, x)
  t.equal(curve.points.length, 2_048)
  t.equal(curve.points.at(-1)?.x, 2_999)
})

t.test('the history keeps what the stream tells', async t => {
  const history = new History()
  const zeros = '0'.repeat(64)
  history.onEvent({
    type: 'round',
    round: 7,
    height: 9,
    loss: 0.5,
    score: null,
    deltas: 4,
    samples: 1,
    stateRoot: zeros,
    at: 1
  })
  history.onEvent({
    type: 'final',
    height: 9,
    slot: 9,
    id: zeros,
    round: 7,
    empty: false,
    deltas: 4,
    finalityMs: 80
  })
  history.onEvent({ type: 'gap' })
  t.strictSame(history.loss.points, [{ x: 7, y: 0.5 }])
  t.strictSame(history.score.points, [])
  t.strictSame(history.finality.points, [{ x: 9, y: 80 }])
})

t.test('the picture of the mesh', async t => {
  t.equal(shareOf('250', '1000'), 0.25)
  t.equal(shareOf('123456789012345678901', '246913578024691357802'), 0.5, 'money is exact')
  t.equal(shareOf('0', '0'), 0)
  t.ok(radiusOf(0) > 5, 'who has no stake is seen too')
  t.ok(radiusOf(0.5) > radiusOf(0.1))
  t.ok(radiusOf(1) < 30)
  for (const count of [1, 2, 3, 7, 40]) {
    const places = Array.from({ length: count }, (_, i) => placeOf(i, count))
    t.ok(
      places.every(({ x, y }) => x >= 60 && x <= 420 && y >= 30 && y <= 270),
      `${count} fit`
    )
    t.equal(new Set(places.map(({ x, y }) => `${x.toFixed(3)} ${y.toFixed(3)}`)).size, count)
  }
  const [a, b, c] = ['a', 'b', 'c'].map(letter => letter.repeat(64))
  const peer = { label: '', rttMs: 3, graylisted: false }
  const { self, others } = membersOf(
    { key: a, label: 'mine' },
    {
      peers: [
        { ...peer, key: c },
        { ...peer, key: b, label: 'bee' }
      ]
    },
    {
      validators: [
        { key: a, stake: '3' },
        { key: b, stake: '1' }
      ],
      trainers: [
        { key: a, lastRound: 4 },
        { key: b, lastRound: null },
        { key: c, lastRound: 2 }
      ]
    },
    new Map([[c, 'delta of round 3 waits']])
  )
  t.match(self, { name: 'mine', share: 0.75, delta: 'delta of round 4 accepted' })
  t.match(others, [
    { key: b, name: 'bee', share: 0.25, delta: 'no delta yet' },
    { key: c, name: 'cccccccc…', share: 0, delta: 'delta of round 3 waits' }
  ])
})

t.test('the page asks for routes of the contract only', async t => {
  const urls: string[] = Object.values(routes).map(route => route.url)
  for (const [path, { body }] of dashboardFiles()) {
    const text = new TextDecoder().decode(body)
    for (const [asked] of text.matchAll(/\/v1\/[a-z]+/g))
      t.ok(
        urls.some(url => url === asked || url.startsWith(`${asked}/:`)),
        `${path}: ${asked}`
      )
  }
})
