import t from 'tap'
import { followProgress, progressText } from '../src/daemon-progress.ts'
import { bar, cut, LiveLine } from '../src/live-line.ts'
import { FakeIo } from './fixtures/io.ts'
import { someStatus } from './fixtures/status.ts'

const status = someStatus()
const plain = { colour: false }

t.test('a bar where the end is known', async t => {
  t.equal(bar(0, 10, 10), '[░░░░░░░░░░]')
  t.equal(bar(5, 10, 10), '[█████░░░░░]')
  t.equal(bar(11, 10, 10), '[██████████]')
  t.equal(bar(1, 0, 4), '[░░░░]')
  const progress = { done: 120, total: 300, unit: 'blocks' } as const
  t.equal(
    progressText({ ...status, phase: 'syncing', progress }, plain),
    'syncing [████████░░░░░░░░░░░░] 40 % blocks 120 of 300'
  )
  const waiting = {
    ...status,
    phase: 'waiting',
    phaseReason: 'outside the hours 22:00-07:00, until 22:00'
  } as const
  t.equal(progressText(waiting, plain), 'waiting: outside the hours 22:00-07:00, until 22:00')
  const training = {
    ...status,
    phase: 'training',
    round: 20,
    roundsTotal: 80,
    loss: 0.25,
    score: 0.9
  } as const
  t.match(
    progressText(training, plain),
    /^training \[█{5}░{15}\] round 20\/80 {2}loss 0\.2500 {2}\S+ 90\.00 %/
  )
  t.notMatch(progressText({ ...training, roundsTotal: null }, plain), '[')
})

t.test('whatever is said stands above the line', async t => {
  const io = new FakeIo({ live: true, colour: true })
  const line = new LiveLine(io)
  line.show('half done')
  line.io.note('something happened')
  line.show('half done')
  line.clear()
  t.strictSame(io.noted, ['something happened'])
  t.strictSame(io.drawn, ['\r\u001b[2Khalf done', '\r\u001b[2K', '\r\u001b[2Khalf done', '\r\u001b[2K'])
  t.equal(cut('\u001b[1mabcdef\u001b[22m', 3), '\u001b[1mabc\u001b[22m', 'colours take no room')
})

t.test('lines without a terminal or colour, objects with --json, a bar on a terminal', async t => {
  const shown = async (io: FakeIo, ms: number): Promise<FakeIo> => {
    const end = new AbortController()
    let now = 0
    let due: { readonly atMs: number; readonly run: () => void } | undefined
    const after = (delayMs: number, run: () => void) => {
      due = { atMs: now + delayMs, run }
      const cancel = (): void => {
        due = undefined
      }
      return { cancel }
    }
    followProgress({ status: () => status }, new LiveLine(io), end.signal, { after })
    for (let next = due; next !== undefined && next.atMs <= ms; next = due) {
      now = next.atMs
      next.run()
    }
    end.abort()
    t.equal(due, undefined)
    return io
  }
  const log = await shown(new FakeIo(), 130_000)
  t.equal(log.noted.length, 1, 'what has not changed is not said again')
  t.strictSame(log.drawn, [])
  t.strictSame((await shown(new FakeIo({ live: true }), 6000)).drawn, [], 'NO_COLOR')
  const script = await shown(new FakeIo({ json: true }), 6000)
  t.match(JSON.parse(script.printed[0] ?? ''), {
    event: 'progress',
    phase: 'training',
    round: Number,
    progress: null
  })
  const terminal = await shown(new FakeIo({ live: true, colour: true }), 600)
  t.match(terminal.drawn[0], /█/)
  t.equal(terminal.drawn.at(-1), '\r\u001b[2K', 'it leaves nothing behind')
})
